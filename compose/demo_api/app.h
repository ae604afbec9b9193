#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/cli/service.h"
#include "common/httpd/server.h"
#include "common/port/clock.h"
#include "common/telemetry/logger.h"
#include "common/telemetry/metrics.h"
#include "compose/demo_api/modes.h"

namespace heal::demo {

struct DemoOptions {
  std::string name = "demo-api";  ///< says who answered: onprem, cloud, …
  std::vector<std::string> listen = {":5000"};
  Duration heartbeat = 5s;              ///< a log line this often, so that silence means something
  std::function<void(int code)> crash;  ///< ends the process at once; absent: the real end
};

/// The demo API as an object: a service to be broken and healed. `/` and `/api` say who answers, `/health` how it is,
/// `/crash` ends the process, `/mode` makes it misbehave.
class DemoApi final : public cli::App {
 public:
  static Result<std::unique_ptr<DemoApi>> create(DemoOptions options, std::unique_ptr<Clock> clock, Logger logger);
  ~DemoApi() override;

  Status start() override;
  /// It has no configuration: nothing to do.
  Status reload() override { return {}; }
  void stop() override;

  std::uint16_t port() const { return server_->port(); }

 private:
  DemoApi(DemoOptions options, std::unique_ptr<Clock> clock, Logger logger);
  void add_routes();
  void add_metrics();
  /// `answer` after what the modes say, and a line in the log.
  httpd::HttpResponse misbehaving(const httpd::HttpRequest& request,
                                  const std::function<httpd::HttpResponse()>& answer);
  httpd::HttpResponse change_modes(const httpd::HttpRequest& request);
  httpd::HttpResponse crash(const httpd::HttpRequest& request);
  void log(std::string_view message, std::string_view path) const;
  void beat(std::stop_token stop);

  const DemoOptions options_;
  const std::unique_ptr<Clock> clock_;
  const Logger logger_;
  Metrics metrics_;
  ModeSwitch modes_;
  ErrorShare errors_;
  std::atomic<std::uint64_t> answered_ = 0;
  std::stop_source ending_;  ///< wakes answers that are slow on purpose, and the heartbeat
  std::unique_ptr<httpd::HttpServer> server_;
  std::jthread heart_;
};

/// The program: parses `argv`, runs until a signal, gives the exit code.
int run_demo_api(int argc, const char* const* argv);

}  // namespace heal::demo
