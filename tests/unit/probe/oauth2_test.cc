#include "common/probe/oauth2.h"

#include <thread>

#include <catch2/catch.hpp>

#include "common/probe/engine.h"
#include "common/probe/service_port.h"
#include "common/sim/fake_clock.h"
#include "common/sim/sim_probe_io.h"

namespace heal::probe {
namespace {

using namespace std::chrono_literals;

const SteadyTime kNow{1000s};

OAuth2Settings settings() {
  OAuth2Settings oauth2;
  oauth2.client_id = "me & co";
  oauth2.scopes = {"read", "write"};
  oauth2.endpoint_params = {{"audience", "a/b"}};
  return oauth2;
}

TEST_CASE("the request for a token is a form, with the client in a header or in the body") {
  CHECK(oauth2_form(settings(), "s+t", ClientAuth::kHeader) ==
        "audience=a%2Fb&grant_type=client_credentials&scope=read+write");
  CHECK(oauth2_form(settings(), "s+t", ClientAuth::kBody) ==
        "audience=a%2Fb&client_id=me+%26+co&client_secret=s%2Bt&grant_type=client_credentials&scope=read+write");
  // base64 of "me+%26+co:s%2Bt"
  CHECK(oauth2_client_header(settings(), "s+t") == "Basic bWUrJTI2K2NvOnMlMkJ0");
}

TEST_CASE("a token is read from JSON and from a form") {
  const auto read = [](const char* type, const char* body) {
    return parse_oauth2_answer({200, type, body}, kNow).value();
  };
  CHECK(read("application/json", R"({"access_token":"abc","token_type":"bearer","expires_in":60})") ==
        OAuth2Token{"Bearer abc", kNow + 60s});
  CHECK(read("", R"({"access_token":"abc","expires_in":"60","other":{"a":[1]}})") ==
        OAuth2Token{"Bearer abc", kNow + 60s});
  CHECK(read("", R"({"access_token":"abc","expires_in":null,"token_type":"Custom"})") ==
        OAuth2Token{"Custom abc", std::nullopt});
  CHECK(read("text/plain; charset=utf-8", "access_token=a%2Bc&token_type=MAC&expires_in=5") ==
        OAuth2Token{"MAC a+c", kNow + 5s});
}

TEST_CASE("an answer without a token says what it lacks and shows nothing secret") {
  const auto [status, body, message] = GENERATE(table<int, std::string, std::string>({
      {401, R"({"error":"invalid_client","error_description":"secret"})",
       "the token server answers 401: invalid_client"},
      {500, "<html>", "the token server answers 500"},
      {200, R"({"access_token":"se)", "the token server's answer cannot be read"},
      {200, R"({"access_token":7})", "the token server's answer cannot be read"},
      {200, R"({"token_type":"bearer"})", "the token server's answer has no access_token"},
      {200, R"({"access_token":"a\r\nX: y"})", "the token cannot stand in a header"},
  }));
  CHECK(parse_oauth2_answer({status, "application/json", body}, kNow).error().message() == message);
}

TEST_CASE("a token is kept until shortly before its end, and for its secret only") {
  OAuth2Tokens tokens;
  CHECK_FALSE(tokens.style());
  tokens.put("old", {"Bearer a", kNow + 60s}, ClientAuth::kBody);
  CHECK(tokens.style() == ClientAuth::kBody);
  CHECK(tokens.get("old", kNow) == "Bearer a");
  CHECK(tokens.get("old", kNow + 49s) == "Bearer a");
  CHECK_FALSE(tokens.get("old", kNow + 50s));
  CHECK_FALSE(tokens.get("new", kNow));
  tokens.drop("Bearer b");
  CHECK(tokens.get("old", kNow) == "Bearer a");
  tokens.drop("Bearer a");
  CHECK_FALSE(tokens.get("old", kNow));
}

/// Two loops with a token server that takes a second, and a target that shows what it was sent.
class TokenBench {
 public:
  TokenBench() {
    for (SimProbeIo* io : {&first, &second}) {
      io->serve({*IpAddress::parse("192.0.2.1"), 80}, [this](const HttpHop&) {
        ++asked;
        SimHttpAnswer answer{1s, {status, "HTTP/1.1", {{"Content-Type", "application/json"}}, {}}, "", {}};
        answer.body = R"({"access_token":"abc","token_type":"bearer"})";
        return answer;
      });
      io->serve({*IpAddress::parse("192.0.2.2"), 80}, [this](const HttpHop& hop) {
        for (const auto& [name, value] : hop.headers) {
          if (name == "Authorization") seen.push_back(value);
        }
        return SimHttpAnswer{};
      });
    }
    module->name = "m";
    module->prober = "http";
    OAuth2Settings oauth2 = settings();
    oauth2.token_url = "http://192.0.2.1/token";
    oauth2.client_secret.value = "secret";
    oauth2.tokens = std::make_shared<OAuth2Tokens>();
    module->http.oauth2 = oauth2;
  }
  ~TokenBench() {
    std::jthread runner([this](const std::stop_token& stop) {
      while (!stop.stop_requested())
        run();
    });
    engine.stop();
  }
  void start(Duration timeout) {
    engine.start({module, "http://192.0.2.2/", ""}, clock.steady_now() + timeout, [this](const ProbeResult& result) {
      ended += result.success ? "ok " : result.phase + "/" + result.reason + " ";
    });
  }
  std::size_t run() {
    const std::size_t done = first.run();
    return done + second.run();
  }
  void pass(Duration time) {
    clock.advance(time);
    while (run() > 0) {
    }
  }

  FakeClock clock;
  SimProbeIo first{clock}, second{clock};
  Engine engine{{&first, &second}, clock};
  std::shared_ptr<Module> module = std::make_shared<Module>();
  int asked = 0, status = 200;
  std::vector<std::string> seen;
  std::string ended;
};

TEST_CASE("probes of one module that begin together fetch one token") {
  TokenBench bench;
  for (int i = 0; i < 4; ++i)
    bench.start(5s);
  bench.pass(0s);
  CHECK(bench.asked == 1);
  CHECK(bench.ended.empty());
  bench.pass(1s);
  CHECK(bench.ended == "ok ok ok ok ");
  CHECK(bench.seen == std::vector<std::string>(4, "Bearer abc"));
  bench.start(5s);
  bench.pass(0s);
  CHECK(bench.asked == 1);
}

TEST_CASE("a refused token is refused to all who waited for it, and asked for anew by the next") {
  TokenBench bench;
  bench.status = 500;
  bench.start(5s), bench.start(5s);
  bench.pass(0s);
  // With the client in a header, then in the body.
  bench.pass(1s), bench.pass(1s);
  CHECK(bench.asked == 2);
  CHECK(bench.ended == "send/credentials send/credentials ");
  bench.status = 200;
  bench.start(5s);
  bench.pass(0s), bench.pass(1s);
  CHECK(bench.ended == "send/credentials send/credentials ok ");
}

TEST_CASE("when the probe that fetches a token ends before it has it, another one goes on, and who waits may leave") {
  TokenBench bench;
  bench.start(500ms);
  bench.start(5s);
  bench.start(400ms);
  bench.start(5s);
  bench.pass(0s);
  bench.pass(400ms);
  CHECK(bench.ended == "send/timeout ");
  bench.pass(100ms);
  CHECK(bench.ended == "send/timeout send/timeout ");
  CHECK(bench.asked == 2);
  bench.pass(1s);
  CHECK(bench.ended == "send/timeout send/timeout ok ok ");
  CHECK(bench.asked == 2);
}

TEST_CASE("names of ports are read as services(5) has them") {
  const char* services = "# comment\nhttp\t80/tcp  www WorldWideWeb # web\ndomain 53/udp\nbroken\nodd x/tcp\n";
  CHECK(service_port(services, "HTTP", PortTransport::kTcp) == 80);
  CHECK(service_port(services, "worldwideweb", PortTransport::kTcp) == 80);
  CHECK_FALSE(service_port(services, "http", PortTransport::kUdp));
  CHECK_FALSE(service_port(services, "80/tcp", PortTransport::kTcp));
  CHECK_FALSE(service_port(services, "odd", PortTransport::kTcp));
  CHECK(port_of("8080", PortTransport::kTcp) == 8080);
  CHECK(port_of("domain", PortTransport::kUdp) == 53);
  CHECK_FALSE(port_of("99999", PortTransport::kTcp));
  CHECK_FALSE(port_of("", PortTransport::kTcp));
}

}  // namespace
}  // namespace heal::probe
