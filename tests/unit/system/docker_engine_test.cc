#include "common/system/docker_engine.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "common/base/mutex.h"
#include "common/system/system_clock.h"
#include "common/wire/docker.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_server.h"

namespace heal {
namespace {

using test::TinyConnection;
using test::TinyRequest;

/// A daemon that says what the test wants.
class Daemon {
 public:
  using Handler = std::function<void(const TinyRequest&, TinyConnection&)>;
  explicit Daemon(std::string api_version, Handler handler = {})
      : api_version_(std::move(api_version)), handler_(std::move(handler)) {}

  const std::string& socket() const { return path_; }
  std::vector<std::string> targets() {
    MutexLock lock(mutex_);
    return targets_;
  }
  void set_api_version(const std::string& version) {
    MutexLock lock(mutex_);
    api_version_ = version;
  }

 private:
  void handle(const TinyRequest& request, TinyConnection& connection) {
    std::string version;
    {
      MutexLock lock(mutex_);
      targets_.push_back(request.method + " " + request.target);
      version = api_version_;
    }
    if (request.target == "/_ping") {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n" +
                      (version.empty() ? "" : "Api-Version: " + version + "\r\n") + "\r\nOK");
      return;
    }
    if (!request.target.starts_with("/v" + version + "/") && version < "1.47") {
      connection.answer(400, R"({"message":"client version 1.4x is too new. Maximum supported API version is 1.4y"})");
      return;
    }
    if (handler_) return handler_(request, connection);
    connection.answer(200, "[]");
  }

  test::TempFolder folder_;
  const std::string path_ = folder_.path() / "docker.sock";
  Mutex mutex_;
  std::vector<std::string> targets_ HEAL_GUARDED_BY(mutex_);
  std::string api_version_ HEAL_GUARDED_BY(mutex_);
  const Handler handler_;
  test::TinyServer server_{
      path_, [this](const TinyRequest& request, TinyConnection& connection) { handle(request, connection); }};
};

Deadline soon() {
  return SystemClock().deadline_in(20s);
}

TEST_CASE("the newest API version that both sides speak is used and asked for once") {
  const auto [theirs, used] =
      GENERATE(table<std::string, std::string>({{"1.41", "1.41"}, {"1.47", "1.47"}, {"1.51", "1.47"}}));
  Daemon daemon(theirs);
  DockerEngine engine({daemon.socket()});
  CHECK(engine.list(soon(), {}).has_value());
  CHECK(engine.list(soon(), {}).has_value());
  const std::string list = "GET /v" + used + "/containers/json?all=1";
  CHECK(daemon.targets() == std::vector<std::string>{"GET /_ping", list, list});
}

TEST_CASE("a daemon that is too old, or says no version, is a protocol error") {
  Daemon old("1.40");
  CHECK(DockerEngine({old.socket()}).list(soon(), {}).error().str() ==
        "the engine speaks API 1.40, at least 1.41 is needed");
  Daemon silent("");
  CHECK(DockerEngine({silent.socket()}).list(soon(), {}).error().str() ==
        "the engine does not say which API version it speaks");
}

TEST_CASE("a daemon that was replaced by an older one is asked again") {
  Daemon daemon("1.45");
  DockerEngine engine({daemon.socket()});
  CHECK(engine.list(soon(), {}).has_value());
  daemon.set_api_version("1.42");
  CHECK(engine.list(soon(), {}).has_value());
  CHECK(daemon.targets() == std::vector<std::string>{"GET /_ping", "GET /v1.45/containers/json?all=1",
                                                     "GET /v1.45/containers/json?all=1", "GET /_ping",
                                                     "GET /v1.42/containers/json?all=1"});
}

TEST_CASE("an engine that is not there is unavailable") {
  const test::TempFolder folder;
  const std::string path = folder.path() / "docker.sock";
  const auto list = DockerEngine({path}).list(soon(), {});
  REQUIRE_FALSE(list.has_value());
  CHECK(list.error().code() == ErrorCode::kUnreachable);
  CHECK(list.error().str() == "engine " + path + ": GET /_ping: no such file or directory");
  const auto too_long = DockerEngine({"/" + std::string(200, 'x')}).list(soon(), {});
  CHECK(too_long.error().code() == ErrorCode::kInvalid);
}

TEST_CASE("a call whose connection breaks is not made twice") {
  Daemon daemon("1.41", [](const TinyRequest&, TinyConnection& connection) { connection.close(); });
  DockerEngine engine({daemon.socket()});
  const auto restarted = engine.restart("web", 1s, soon(), {});
  REQUIRE_FALSE(restarted.has_value());
  CHECK(restarted.error().code() == ErrorCode::kUnavailable);
  CHECK(daemon.targets() == std::vector<std::string>{"GET /_ping", "POST /v1.41/containers/web/restart?t=1"});
}

TEST_CASE("grace is sent in whole seconds, rounded up") {
  Daemon daemon("1.41", [](const TinyRequest&, TinyConnection& connection) { connection.answer(204, ""); });
  DockerEngine engine({daemon.socket()});
  for (const Duration grace : {Duration(0), Duration(1ms), Duration(10s), Duration(-5s)})
    CHECK(engine.stop("web", grace, soon(), {}).has_value());
  CHECK(daemon.targets() == std::vector<std::string>{"GET /_ping", "POST /v1.41/containers/web/stop?t=0",
                                                     "POST /v1.41/containers/web/stop?t=1",
                                                     "POST /v1.41/containers/web/stop?t=10",
                                                     "POST /v1.41/containers/web/stop?t=0"});
}

TEST_CASE("a refusal of a filter in between keeps its words") {
  Daemon daemon("1.41", [](const TinyRequest&, TinyConnection& connection) {
    connection.answer(403, R"({"message":"kill is not allowed for web"})");
  });
  const auto killed = DockerEngine({daemon.socket()}).kill("web", "SIG KILL&x=1", soon(), {});
  CHECK(killed.error().code() == ErrorCode::kRefused);
  CHECK(killed.error().str() == "the engine answers 403: kill is not allowed for web");
  CHECK(daemon.targets().back() == "POST /v1.41/containers/web/kill?signal=SIG%20KILL%26x%3D1");
}

TEST_CASE("events survive being cut anywhere, and what is none is left out") {
  const ContainerEvent event{WallTime(Duration(5)), "die", "id", "web", "img", {}};
  Daemon daemon("1.41", [&](const TinyRequest&, TinyConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    const std::string text = "garbage\n{}\n{\"Type\":\"network\"}\n" + write_docker_event(event) + "\n\n";
    for (const char c : text)
      connection.send(std::string(1, c));
  });
  std::vector<ContainerEvent> events;
  const auto status = DockerEngine({daemon.socket()})
                          .events(WallTime(1893553445s + 7ns), [&](const auto& e) { events.push_back(e); }, {});
  CHECK(events == std::vector<ContainerEvent>{event});
  CHECK(status.error().str() == "the engine closed the stream of events");
  CHECK(daemon.targets().back() ==
        "GET /v1.41/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D&since=1893553445.000000007");
}

TEST_CASE("a container that cannot be started is not left behind") {
  Daemon daemon("1.41", [](const TinyRequest& request, TinyConnection& connection) {
    if (request.target.find("/create") != std::string::npos) return (void)connection.answer(201, R"({"Id":"abc"})");
    if (request.method == "DELETE") return (void)connection.answer(204, "");
    connection.answer(500, R"({"message":"no space"})");
  });
  ContainerSpec spec;
  spec.name = "helper";
  spec.image = "i";
  const auto id = DockerEngine({daemon.socket()}).run(spec, soon(), {});
  CHECK(id.error().str() == "the engine answers 500: no space");
  CHECK(daemon.targets() == std::vector<std::string>{"GET /_ping", "POST /v1.41/containers/create?name=helper",
                                                     "POST /v1.41/containers/abc/start",
                                                     "DELETE /v1.41/containers/abc?force=1"});
}

TEST_CASE("a container whose making was stopped is not left behind") {
  std::stop_source stop;
  Daemon daemon("1.41", [&](const TinyRequest& request, TinyConnection& connection) {
    if (request.method == "DELETE") return (void)connection.answer(204, "");
    stop.request_stop();
    connection.answer(201, R"({"Id":"abc"})");
  });
  ContainerSpec spec;
  spec.name = "helper";
  spec.image = "i";
  DockerEngine engine({daemon.socket()});
  CHECK(engine.run(spec, soon(), stop.get_token()).error().code() == ErrorCode::kCancelled);
  CHECK(daemon.targets().at(1) == "POST /v1.41/containers/create?name=helper");
  CHECK(daemon.targets().back() == "DELETE /v1.41/containers/abc?force=1");
  const auto asked = daemon.targets();
  CHECK(engine.run(spec, soon(), stop.get_token()).error().code() == ErrorCode::kCancelled);
  CHECK(daemon.targets() == asked);
}

TEST_CASE("a program in a container that was started is never said not to have run") {
  const auto status = GENERATE(200, 404, 409, 500, 503);
  Daemon daemon("1.41", [status](const TinyRequest& request, TinyConnection& connection) {
    if (request.target.ends_with("/containers/web/exec")) return (void)connection.answer(201, R"({"Id":"abc"})");
    if (request.target.ends_with("/start")) return (void)connection.answer(200, "");
    connection.answer(status, R"({"message":"gone","Running":true,"ExitCode":null})");
  });
  ExecSpec spec;
  spec.argv = {"/bin/reload"};
  const auto ran = DockerEngine({daemon.socket()}).exec("web", spec, soon(), {});
  REQUIRE_FALSE(ran.has_value());
  INFO(ran.error().str());
  CHECK(ran.error().code() == ErrorCode::kUnavailable);
}

TEST_CASE("of a long log only the end is kept") {
  Daemon daemon("1.41", [](const TinyRequest& request, TinyConnection& connection) {
    if (request.target.find("/json") != std::string::npos) {
      return (void)connection.answer(200, R"({"Config":{"Tty":false}})");
    }
    std::string text;
    for (int i = 0; i < 100'000; ++i)
      text += std::string("\x01\0\0\0\0\0\0\x08", 8) + fmt::format("{:07}\n", i);
    connection.answer(200, text);
  });
  const auto tail = DockerEngine({daemon.socket()}).logs_tail("web", 100'000, 16, soon(), {});
  CHECK(tail.value() == "0099998\n0099999\n");
}

}  // namespace
}  // namespace heal
