#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "common/base/mutex.h"
#include "common/httpd/server.h"

namespace heal::httpd::test {

/// A server on a free loopback port with its own metrics and captured log.
class TestServer {
 public:
  explicit TestServer(ServerOptions options = {}) {
    if (options.listen.empty() && options.admin_listen.empty()) options.listen = {"127.0.0.1:0"};
    LoggerOptions log;
    log.sink = [this](std::string_view line) {
      MutexLock lock(mutex_);
      log_ += line;
    };
    auto made = HttpServer::create(std::move(options), Logger(std::move(log)), metrics);
    INFO((made.has_value() ? "" : made.error().str()));
    REQUIRE(made.has_value());
    server = std::move(*made);
  }

  std::uint16_t start() {
    const auto status = server->start();
    INFO((status.has_value() ? "" : status.error().str()));
    REQUIRE(status.has_value());
    return server->port();
  }
  std::string log() {
    MutexLock lock(mutex_);
    return log_;
  }
  /// The value of a sample line of the metrics page, "" when it is not there.
  std::string metric(std::string_view name) {
    const std::string page = metrics.expose();
    const auto at = page.find("\n" + std::string(name) + " ");
    if (at == std::string::npos) return "";
    const auto start = at + name.size() + 2;
    return page.substr(start, page.find('\n', start) - start);
  }

  Metrics metrics{"heal_test"};

 private:
  Mutex mutex_;
  std::string log_ HEAL_GUARDED_BY(mutex_);

 public:
  std::unique_ptr<HttpServer> server;  // last: stops before what it uses goes
};

/// Something that one thread waits for and another sets.
class Event {
 public:
  void set() {
    MutexLock lock(mutex_);
    is_set_ = true;
    changed_.notify_all();
  }
  void wait() {
    MutexLock lock(mutex_);
    const auto patience = std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()) + 20s;
    while (!is_set_) {
      if (std::chrono::steady_clock::now() >= patience) throw std::runtime_error("an event that never came");
      changed_.wait_until(mutex_, patience);
    }
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool is_set_ HEAL_GUARDED_BY(mutex_) = false;
};

}  // namespace heal::httpd::test
