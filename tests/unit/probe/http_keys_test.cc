// What keys of an http module send, and through which proxy.
#include <catch2/catch.hpp>

#include "common/probe/http_files.h"
#include "common/probe/http_request.h"
#include "common/probe/oauth2.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/probe/run_bench.h"

namespace heal::probe {
namespace {

using namespace std::chrono_literals;

/// Web servers at 192.0.2.1 (called "one" and "www.in.example") and 192.0.2.2 ("two"). They note what is asked of them.
class HttpBench : public RunBench {
 public:
  HttpBench() {
    for (const auto& [name, text] :
         {std::pair("one", "192.0.2.1"), {"www.in.example", "192.0.2.1"}, {"two", "192.0.2.2"}}) {
      io.add_host(name, {*IpAddress::parse(text)});
      io.serve({*IpAddress::parse(text), 80}, [this](const HttpHop& hop) { return answer(hop); });
    }
    module.prober = "http";
  }
  /// Runs `module` against `target`.
  std::string ask(const std::string& target) {
    hops.clear();
    run(module, target);
    return verdict();
  }
  HttpSettings& http() { return module.http; }
  std::vector<std::string> seen(const std::string& header, std::size_t hop = 0) const {
    std::vector<std::string> values;
    for (const std::string_view value : header_values(hops.at(hop).headers, header))
      values.emplace_back(value);
    return values;
  }

  Module module;
  std::map<std::string, std::string> redirects;  ///< by URL
  int redirect_status = 302;
  std::vector<HttpHop> hops;

 private:
  SimHttpAnswer answer(const HttpHop& hop) {
    hops.push_back(hop);
    const auto redirect = redirects.find(hop.url);
    if (redirect == redirects.end()) return {};
    return {0s, {redirect_status, "HTTP/1.1", {{"Location", redirect->second}}, std::nullopt}, "", {}};
  }
};

using Texts = std::vector<std::string>;

TEST_CASE("the body comes from its file, as it is at the time of the probe") {
  const test::TempFolder folder;
  HttpBench bench;
  bench.http().method = "POST";
  bench.http().body_file = folder.write("body", "first\n");
  CHECK(bench.ask("http://one/") == "ok");
  CHECK(bench.hops.at(0).body.view() == "first\n");
  (void)folder.write("body", "second");
  bench.redirects = {{"http://192.0.2.1/", "http://one/next"}};
  CHECK(bench.ask("http://one/") == "ok");
  CHECK(bench.hops.at(0).body.view() == "second");
  CHECK(bench.hops.at(1).body.empty());
  (void)folder.write("body", "");
  CHECK(bench.ask("http://one/") == "ok");
  CHECK(bench.seen("Content-Length") == Texts{"0"});
}

TEST_CASE("probes that send the same body hold one copy of it, for all its requests") {
  const test::TempFolder folder;
  HttpBench bench;
  bench.http().method = "POST";
  bench.redirects = {{"http://192.0.2.1/", "http://one/next"}};
  bench.redirect_status = 307;
  bench.http().body_file = folder.write("body", "same");
  CHECK(bench.ask("http://one/") == "ok");
  const std::vector<HttpHop> first = bench.hops;
  bench.http().body_file = folder.write("other", "same");
  CHECK(bench.ask("http://one/") == "ok");
  REQUIRE(first.size() == 2);
  CHECK(first[0].body.view() == "same");
  CHECK(first[1].body.data() == first[0].body.data());
  CHECK(bench.hops.at(0).body.data() == first[0].body.data());
}

TEST_CASE("the bodies that are sent at once are bounded, all together") {
  const test::TempFolder folder;
  const std::string six = folder.write("six", "123456"), five = folder.write("five", "12345");
  BodyFiles files(10);
  std::optional<Result<SharedText>> body(files.read(six));
  CHECK(body->has_value());
  CHECK(files.read(six).has_value());
  CHECK(files.read(five).error().str() == "body_file: " + five + ": probes would send more than 10 bytes at once");
  body.reset();
  CHECK(files.read(five).value().view() == "12345");
}

TEST_CASE("a body that cannot be read ends the probe before it asks anything") {
  HttpBench bench;
  bench.http().body_file = "/nonexistent/body";
  CHECK(bench.ask("http://one/") == "send/other: body_file: /nonexistent/body: no such file or directory");
  CHECK(bench.hops.empty());
  CHECK(bench.value("probe_http_duration_seconds", {{"phase", "resolve"}}));
  CHECK_FALSE(bench.value("probe_http_duration_seconds", {{"phase", "connect"}}));
}

TEST_CASE("http_headers adds a line for each value, secret and file") {
  const test::TempFolder folder;
  HttpBench bench;
  bench.http().headers = {{"X-A", "zero"}, {"Cookie", "c=d"}};
  bench.http().http_headers = {{"x-a", {"one", "two"}, {"three"}, {folder.write("four", " four\n")}},
                               {"Cookie", {"e=f"}, {}, {}},
                               {"Content-Length", {"7"}, {}, {}},
                               {"X-Empty", {}, {}, {}}};
  CHECK(bench.ask("http://one/") == "ok");
  CHECK(bench.seen("X-A") == Texts{"zero", "one", "two", "three", "four"});
  CHECK(bench.seen("Cookie") == Texts{"c=d", "e=f"});
  CHECK(bench.seen("Content-Length").empty());
  CHECK(bench.seen("X-Empty").empty());
}

TEST_CASE("secrets, what files hold and cookies do not go along to another host") {
  const test::TempFolder folder;
  HttpBench bench;
  bench.http().http_headers = {{"X-Plain", {"p"}, {}, {}},
                               {"X-Secret", {}, {"s"}, {}},
                               {"X-File", {}, {}, {folder.write("f", "f")}},
                               {"Cookie", {"c=d"}, {}, {}}};
  bench.redirects = {{"http://192.0.2.1/", "http://two/"}, {"http://two/", "http://one/back"}};
  CHECK(bench.ask("http://one/") == "ok");
  REQUIRE(bench.hops.size() == 3);
  for (const auto& [header, value] : {std::pair("X-Secret", "s"), {"X-File", "f"}, {"Cookie", "c=d"}}) {
    CAPTURE(header);
    CHECK(bench.seen(header, 0) == Texts{value});
    CHECK(bench.seen(header, 1).empty());
    CHECK(bench.seen(header, 2) == Texts{value});
  }
  CHECK(bench.seen("X-Plain", 1) == Texts{"p"});
}

TEST_CASE("files of headers and names that cannot be read fail the probe, named") {
  HttpBench bench;
  bench.http().http_headers = {{"X-A", {}, {"topsecret"}, {"/nonexistent/header"}}};
  CHECK(bench.ask("http://one/") == "send/credentials: http_headers: /nonexistent/header: no such file or directory");
  bench.http().http_headers.clear();
  bench.http().credentials.kind = Credentials::Kind::kBasic;
  bench.http().credentials.username_file = "/nonexistent/name";
  CHECK(bench.ask("http://one/") == "send/credentials: username_file: /nonexistent/name: no such file or directory");
  CHECK(bench.hops.empty());
}

TEST_CASE("the name of basic_auth comes from its file") {
  const test::TempFolder folder;
  HttpBench bench;
  bench.http().credentials.kind = Credentials::Kind::kBasic;
  bench.http().credentials.username_file = folder.write("name", " me\n");
  bench.http().credentials.secret.value = "p";
  CHECK(bench.ask("http://one/") == "ok");
  CHECK(bench.seen("Authorization") == Texts{"Basic bWU6cA=="});
}

ProxySettings proxy_but(const std::string& no_proxy) {
  ProxySettings proxy;
  proxy.url = "http://192.0.2.9:3128";
  proxy.no_proxy = no_proxy;
  proxy.connect_headers = {{"X-Proxy", "secret"}};
  proxy.rules = ProxyRules::of(proxy.url, no_proxy);
  return proxy;
}

struct RouteCase {
  std::string no_proxy, target;
  bool direct;
};

TEST_CASE("exceptions from the proxy are asked directly, with nothing of what the proxy is told") {
  const auto c = GENERATE(values<RouteCase>({{"", "http://192.0.2.1/", false},
                                             {".other.example", "http://192.0.2.1/", false},
                                             {".in.example", "http://www.in.example/", true},
                                             {"192.0.2.0/24", "http://one/", true},
                                             {"192.0.2.1:80", "http://one:80/", true},
                                             {"*", "http://two/", true}}));
  CAPTURE(c.no_proxy, c.target);
  HttpBench bench;
  bench.http().proxy = proxy_but(c.no_proxy);
  CHECK(bench.ask(c.target) == "ok");
  REQUIRE(bench.hops.size() == 1);
  CHECK(bench.hops[0].proxy_url == (c.direct ? "" : "http://192.0.2.9:3128"));
  // What is not tunnelled would be passed on with them.
  CHECK(bench.hops[0].proxy_headers.empty());
  CHECK(bench.hops[0].connect_to.has_value() == c.direct);
}

TEST_CASE("the proxy's own headers go with the request for a tunnel") {
  HttpBench bench;
  for (const char* target : {"192.0.2.1", "192.0.2.2"}) {
    bench.io.serve({*IpAddress::parse(target), 443}, [&bench](const HttpHop& hop) {
      bench.hops.push_back(hop);
      return SimHttpAnswer{0s, {200, "HTTP/1.1", {}, std::nullopt}, R"({"access_token":"abc"})", {}};
    });
  }
  bench.http().proxy = proxy_but("");
  OAuth2Settings oauth2;
  oauth2.client_id = "me";
  oauth2.client_secret.value = "s";
  oauth2.token_url = "https://192.0.2.2/token";
  oauth2.tokens = std::make_shared<OAuth2Tokens>();
  oauth2.proxy = proxy_but("");
  bench.http().oauth2 = oauth2;
  bench.ask("https://192.0.2.1/");
  REQUIRE(bench.hops.size() == 2);
  for (const HttpHop& hop : bench.hops)
    CHECK(hop.proxy_headers == HeaderList{{"X-Proxy", "secret"}});
}

TEST_CASE("every redirect chooses its own way") {
  HttpBench bench;
  bench.http().proxy = proxy_but("one, 192.0.2.9");
  bench.redirects = {{"http://192.0.2.1/", "http://192.0.2.2/"}, {"http://192.0.2.2/", "http://one/back"}};
  CHECK(bench.ask("http://one/") == "ok");
  REQUIRE(bench.hops.size() == 3);
  CHECK(bench.hops[0].proxy_url.empty());
  CHECK(bench.hops[1].proxy_url == "http://192.0.2.9:3128");
  CHECK(bench.hops[2].proxy_url.empty());
}

struct LocationCase {
  std::string location, unfollowed, followed;
  double redirects;
};

TEST_CASE("a Location that is no URL fails the probe before anybody asks whether to follow it") {
  const auto c = GENERATE(values<LocationCase>({
      {"http://[::1/", "response/redirect", "response/redirect", 0},
      {"/%zz", "response/redirect", "response/redirect", 0},
      {"http://one:port/", "response/redirect", "response/redirect", 0},
      {":x", "response/redirect", "response/redirect", 0},
      {"gopher://one/", "ok", "response/redirect", 1},
      {"mailto:one", "ok", "response/redirect", 1},
      {"http:///x", "ok", "response/redirect", 1},
      {"http://two/", "ok", "status/unexpected_status", 1},
  }));
  CAPTURE(c.location);
  HttpBench bench;
  bench.http().valid_status_codes = {302};
  bench.redirects = {{"http://192.0.2.1/", c.location}};
  bench.http().follow_redirects = false;
  CHECK(bench.ask("http://one/").substr(0, c.unfollowed.size()) == c.unfollowed);
  CHECK(bench.value("probe_http_redirects") == c.redirects);
  CHECK(bench.value("probe_http_status_code") == (c.unfollowed == "ok" ? 302 : 0));
  bench.http().follow_redirects = true;
  CHECK(bench.ask("http://one/").substr(0, c.followed.size()) == c.followed);
  CHECK(bench.value("probe_http_redirects") == c.redirects);
}

TEST_CASE("without the resolve phase a target that no proxy is for is resolved after all, and each address is tried") {
  HttpBench bench;
  bench.http().proxy = proxy_but("three");
  bench.http().skip_resolve_phase_with_proxy = true;
  bench.io.add_host("three", {*IpAddress::parse("192.0.2.77"), *IpAddress::parse("192.0.2.1")});
  CHECK(bench.ask("http://three/x") == "ok");
  REQUIRE(bench.hops.size() == 1);
  CHECK(bench.hops[0].url == "http://three/x");
  CHECK(bench.hops[0].connect_to == SocketAddress{*IpAddress::parse("192.0.2.1"), 80});
  CHECK_FALSE(bench.value("probe_ip_protocol"));
  // Where there is a proxy for it, it is not resolved at all.
  bench.http().proxy = proxy_but("");
  CHECK(bench.ask("http://192.0.2.1/x") == "ok");
  CHECK_FALSE(bench.hops[0].connect_to);
  CHECK_FALSE(bench.value("probe_http_duration_seconds", {{"phase", "resolve"}}));
}

TEST_CASE("a target that goes directly is judged by the address that is connected to") {
  HttpBench bench;
  bench.http().proxy = proxy_but("one");
  bench.http().skip_resolve_phase_with_proxy = true;
  bench.policy = std::make_shared<const TargetPolicy>(*TargetPolicy::denying({"192.0.2.1"}));
  CHECK(bench.ask("http://one/") == "target/not_allowed: deny_targets holds one at 192.0.2.1:80");
}

TEST_CASE("the token server has a proxy of its own, with exceptions") {
  const std::string no_proxy = GENERATE("", "one");
  CAPTURE(no_proxy);
  HttpBench bench;
  OAuth2Settings oauth2;
  oauth2.client_id = "me";
  oauth2.client_secret.value = "s";
  oauth2.token_url = no_proxy.empty() ? "http://192.0.2.1/token" : "http://one/token";
  oauth2.tokens = std::make_shared<OAuth2Tokens>();
  oauth2.proxy = proxy_but(no_proxy);
  bench.http().oauth2 = oauth2;
  bench.ask("http://two/");
  REQUIRE_FALSE(bench.hops.empty());
  CHECK(bench.hops[0].method == "POST");
  CHECK(bench.hops[0].proxy_url == (no_proxy.empty() ? "http://192.0.2.9:3128" : ""));
  CHECK(bench.hops[0].proxy_headers.empty());
  CHECK(bench.hops[0].connect_to.has_value() == !no_proxy.empty());
}

}  // namespace
}  // namespace heal::probe
