#include "common/probe/url.h"

#include <catch2/catch.hpp>

#include "common/probe/cookies.h"

namespace heal::probe {
namespace {

std::string resolved(const std::string& base, const std::string& reference) {
  const Result<Url> url = Url::parse(base)->resolve(reference);
  return url.has_value() ? url->str() : url.error().str();
}

TEST_CASE("a URL falls into its parts") {
  const Url url = *Url::parse("HTTPS://user:p%40ss@Example.com:8443/a/b?c=d#frag");
  CHECK(url == Url{"https", "user:p%40ss", "Example.com", 8443, "/a/b?c=d"});
  CHECK(Url::parse("http://[2001:db8::1]?q")->str() == "http://[2001:db8::1]/?q");
  CHECK(Url::parse("http://h/a b?c d")->str() == "http://h/a%20b?c%20d");
  CHECK(Url::parse("http://h:")->effective_port() == 80);
}

TEST_CASE("what is no http URL is refused with the reason") {
  const auto [text, message] = GENERATE(table<std::string, std::string>({
      {"ftp://x/", "not an http:// or https:// URL: \"ftp://x/\""},
      {"example.com", "not an http:// or https:// URL: \"example.com\""},
      {"http://[::1", "missing ']' in the host: \"[::1\""},
      {"http://[zz]/", "not an address between the brackets: \"[zz]\""},
      {"http://h:x/", "not a port: \":x\""},
      {"http://h:70000/", "not a port: \":70000\""},
      {"http:///path", "not a host name: \"\""},
      {"http://h/%zz", "a broken %-escape in the path: \"/%zz\""},
      {"http://u:%zz@h/", "the user information of the URL is not well-formed"},
      {"http://a b/", "not a host name: \"a b\""},
      {"http://h/\r\nX: y", "a URL cannot hold control characters: \"http://h/\\r\\nX: y\""},
  }));
  CHECK(Url::parse(text).error().str() == message);
}

TEST_CASE("references are resolved as RFC 3986 says") {
  const auto [reference, expected] = GENERATE(table<std::string, std::string>({
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"", "http://a/b/c/d?q"},
      {".", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../../g", "http://a/g"},
      {"../../../../g", "http://a/g"},
      {"g#s", "http://a/b/c/g"},
      {"g h", "http://a/b/c/g%20h"},
      {"https://z/x", "https://z/x"},
      {"mailto:x", "not an http:// or https:// URL: \"mailto:x\""},
  }));
  CAPTURE(reference);
  CHECK(resolved("http://a/b/c/d?q", reference) == expected);
}

TEST_CASE("host and port come apart as Go takes them") {
  CHECK(*split_host_port("[::1]:80") == HostPort{"::1", "80"});
  CHECK(*split_host_port(":80") == HostPort{"", "80"});
  for (const char* bad : {"host", "::1", "[::1]", "a:b:c", "[::1]x:1"}) {
    CAPTURE(bad);
    CHECK_FALSE(split_host_port(bad).has_value());
  }
}

TEST_CASE("cookies go back where they belong") {
  CookieJar jar;
  const Url origin = *Url::parse("http://www.example.com/shop/cart");
  jar.store(origin, "plain=1");
  jar.store(origin, "wide=2; Domain=.example.com; Path=/");
  jar.store(origin, "safe=3; Secure; Path=/");
  jar.store(origin, "foreign=4; Domain=other.com");
  jar.store(origin, "top=5; Domain=com");
  jar.store(origin, "gone=6; Path=/");
  jar.store(origin, "gone=6; Path=/; Max-Age=0");
  jar.store(origin, "no value");
  jar.store(origin, std::string_view("nul=a\0b", 7));
  jar.store(origin, "bell=a\x07");
  CHECK(jar.header_for(*Url::parse("http://www.example.com/shop/x")) == "plain=1; wide=2");
  CHECK(jar.header_for(*Url::parse("http://www.example.com/shopping")) == "wide=2");
  CHECK(jar.header_for(*Url::parse("https://api.example.com/")) == "wide=2");
  CHECK(jar.header_for(*Url::parse("https://www.example.com/")) == "wide=2; safe=3");
  CHECK(jar.header_for(*Url::parse("http://badexample.com/")).empty());
}

}  // namespace
}  // namespace heal::probe
