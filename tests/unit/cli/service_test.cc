#include "common/cli/service.h"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal::cli {
namespace {

using httpd::test::RawClient;
using httpd::test::TestServer;

TEST_CASE("the admin routes answer as Prometheus' programs do") {
  TestServer test;
  Status ready;
  Status reload;
  int reloads = 0;
  add_admin_routes(*test.server, test.metrics,
                   {.reload =
                        [&] {
                          ++reloads;
                          return reload;
                        },
                    .ready = [&] { return ready; },
                    .role = ""});
  const auto port = test.start();
  REQUIRE(RawClient::fetch(port, "GET /-/healthy").body == "Healthy\n");
  REQUIRE(RawClient::fetch(port, "GET /-/ready").body == "Ready\n");
  const auto metrics = RawClient::fetch(port, "GET /metrics");
  REQUIRE(metrics.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  REQUIRE(metrics.body.find("heal_test_build_info") != std::string::npos);
  REQUIRE(RawClient::fetch(port, "GET /-/reload").status == 405);
  REQUIRE(reloads == 0);
  REQUIRE(RawClient::fetch(port, "POST /-/reload").status == 200);
  REQUIRE(RawClient::fetch(port, "PUT /-/reload").status == 200);
  REQUIRE(reloads == 2);
  reload = Error(ErrorCode::kInvalid, "heal.yml:1:1: no");
  const auto failed = RawClient::fetch(port, "POST /-/reload");
  REQUIRE(failed.status == 500);
  REQUIRE(failed.body == "failed to reload config: heal.yml:1:1: no\n");
  ready = Error(ErrorCode::kUnavailable, "store is locked");
  const auto unready = RawClient::fetch(port, "GET /-/ready");
  REQUIRE(unready.status == 503);
  REQUIRE(unready.body == "not ready: store is locked\n");
}

// Tells the parent what happens, one letter each, through a pipe.
class TalkingApp : public App {
 public:
  TalkingApp(int fd, Status started) : fd_(fd), started_(std::move(started)) {}
  Status start() override {
    say('s');
    return started_;
  }
  Status reload() override {
    say('r');
    return Error(ErrorCode::kInvalid, "bad file");
  }
  void stop() override { say('x'); }

 private:
  void say(char c) const { (void)!::write(fd_, &c, 1); }
  int fd_;
  Status started_;
};

// A child process that runs `app` under run_service().
class Child {
 public:
  explicit Child(const Status& started) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      block_signals();
      TalkingApp app(ends[1], started);
      ::_exit(run_service(app, Logger::none()));
    }
    ::close(ends[1]);
    fd_ = ScopedFd(ends[0]);
  }
  char hear() const {
    char c = 0;
    return ::read(fd_.get(), &c, 1) == 1 ? c : '\0';
  }
  void kill(int signal) const { ::kill(pid_, signal); }
  int exit_code() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  ScopedFd fd_;
};

TEST_CASE("SIGHUP reloads, a bad file does not end the program, SIGTERM stops it with 0") {
  const Child child{Status()};
  REQUIRE(child.hear() == 's');
  child.kill(SIGHUP);
  REQUIRE(child.hear() == 'r');
  child.kill(SIGHUP);
  REQUIRE(child.hear() == 'r');
  child.kill(SIGTERM);
  REQUIRE(child.hear() == 'x');
  REQUIRE(child.exit_code() == kExitOk);
}

TEST_CASE("SIGINT stops the program with 0") {
  const Child child{Status()};
  REQUIRE(child.hear() == 's');
  child.kill(SIGINT);
  REQUIRE(child.hear() == 'x');
  REQUIRE(child.exit_code() == kExitOk);
}

TEST_CASE("a program that cannot start ends with 1") {
  const Child child{Status(Error(ErrorCode::kConflict, "the port is taken"))};
  REQUIRE(child.hear() == 's');
  REQUIRE(child.hear() == 'x');
  REQUIRE(child.exit_code() == kExitFailed);
}

}  // namespace
}  // namespace heal::cli
