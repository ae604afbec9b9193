#include "common/probe/proxy.h"

#include <map>

#include <catch2/catch.hpp>

namespace heal::probe {
namespace {

struct NoProxyCase {
  std::string no_proxy, url;
  bool direct;
};

TEST_CASE("no_proxy holds for hosts, names below them, addresses and blocks, with and without ports") {
  const auto c = GENERATE(values<NoProxyCase>({
      {"other.example", "http://www.example.com/", false},
      {"example.com", "http://example.com/", true},
      {"EXAMPLE.com", "http://www.Example.COM/", true},
      {"example.com", "http://myexample.com/", false},
      {".example.com", "http://www.example.com/", true},
      {".example.com", "http://example.com/", false},
      {"*.example.com", "http://a.b.example.com/", true},
      {"*.example.com", "http://example.com/", false},
      {"a.example, b.example , c.example", "https://c.example/", true},
      {"example.com:8080", "http://example.com:8080/", true},
      {"example.com:8080", "http://example.com/", false},
      {"example.com:80", "http://example.com/", true},
      {"example.com:443", "https://example.com/", true},
      {"*", "https://anything.example/", true},
      {"x,*", "http://192.0.2.1/", true},
      {"192.0.2.1", "http://192.0.2.1:81/", true},
      {"192.0.2.1:80", "http://192.0.2.1:81/", false},
      {"192.0.2.0/24", "http://192.0.2.77/", true},
      {"192.0.2.99/24", "http://192.0.2.77/", true},
      {"192.0.2.0/24", "http://192.0.3.77/", false},
      {"192.0.2.0/33", "http://192.0.2.77/", false},
      {"2001:db8::/32", "http://[2001:db8::5]/", true},
      {"2001:db8::5", "http://[2001:db8::5]/", true},
      {"[2001:db8::5]:81", "http://[2001:db8::5]:81/", true},
      {"[2001:db8::5]:81", "http://[2001:db8::5]/", false},
      {"2.1", "http://192.0.2.1/", false},
      {":80", "http://example.com/", false},
      {",", "http://example.com/", false},
      {"x", "http://localhost/", true},
      {"x", "http://127.9.9.9/", true},
      {"x", "http://[::1]:99/", true},
      {"x", "http://[::ffff:127.0.0.1]/", true},
      {"", "http://localhost/", false},
      {"", "http://127.0.0.1/", false},
  }));
  CAPTURE(c.no_proxy, c.url);
  const Url url = *Url::parse(c.url);
  CHECK(ProxyRules::of("http://p:1", c.no_proxy).proxy_for(url, url.host) == (c.direct ? "" : "http://p:1"));
}

TEST_CASE("an exception for the name holds when its address is asked for, and the other way round") {
  const Url url = *Url::parse("http://192.0.2.1/");
  CHECK(ProxyRules::of("http://p:1", "in.example").proxy_for(url, "www.in.example").empty());
  CHECK(ProxyRules::of("http://p:1", "192.0.2.0/24").proxy_for(url, "www.in.example").empty());
  CHECK(ProxyRules::of("http://p:1", "out.example").proxy_for(url, "www.in.example") == "http://p:1");
  CHECK(ProxyRules().proxy_for(url, "x").empty());
}

Result<ProxyRules> from(const std::map<std::string, std::string>& variables) {
  return ProxyRules::from_environment([variables](const char* name) {
    const auto it = variables.find(name);
    return it == variables.end() ? std::string() : it->second;
  });
}

TEST_CASE("the environment names a proxy for each scheme, in upper case or else in lower case") {
  const Url plain = *Url::parse("http://a.example/"), secure = *Url::parse("https://a.example/");
  const ProxyRules rules = *from({{"HTTP_PROXY", "http://one:1"},
                                  {"http_proxy", "http://two:2"},
                                  {"https_proxy", "three:3"},
                                  {"no_proxy", "b.example"}});
  CHECK(rules.proxy_for(plain, plain.host) == "http://one:1");
  CHECK(rules.proxy_for(secure, secure.host) == "http://three:3");
  CHECK(rules.proxy_for(*Url::parse("http://b.example/"), "b.example").empty());
  CHECK(rules.proxy_for(*Url::parse("http://localhost/"), "localhost").empty());
  CHECK(from({{"HTTP_PROXY", "socks5://s:1"}})->proxy_for(secure, secure.host).empty());
  CHECK(from({{"HTTP_PROXY", "http://p:1"}})->proxy_for(*Url::parse("http://127.0.0.1/"), "127.0.0.1").empty());
  CHECK(from({{"NO_PROXY", "*"}, {"HTTPS_PROXY", "http://p:1"}})->proxy_for(secure, secure.host).empty());
  CHECK(from({})->proxy_for(plain, plain.host).empty());
}

TEST_CASE("a variable that holds no proxy is named, and not shown") {
  for (const char* value : {"ftp://user:topsecret@p", "http://topsecret@", "topsecret p", "socks4://topsecret:1"}) {
    CAPTURE(value);
    const Result<ProxyRules> rules = from({{"https_proxy", value}});
    REQUIRE_FALSE(rules.has_value());
    CHECK(rules.error().message() ==
          "the environment's https_proxy must be host:port or a URL of http, https or socks5");
  }
}

}  // namespace
}  // namespace heal::probe
