#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/snapshot.h"
#include "common/cli/flags.h"
#include "common/cli/service.h"
#include "common/httpd/server.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/port/probe_io.h"
#include "common/port/random.h"
#include "common/probe/engine.h"
#include "common/telemetry/logger.h"
#include "common/telemetry/metrics.h"
#include "exporter/config.h"
#include "exporter/docker_watch.h"
#include "exporter/history.h"
#include "exporter/probe_handler.h"
#include "exporter/probe_scheduler.h"

namespace heal::exporter {

/// What the command line says.
struct ExporterOptions {
  cli::ServiceFlags flags;
  Duration timeout_offset = 500ms;
  std::size_t history_limit = 100;
  std::size_t max_in_flight = 10'000;
};

/// The world that the program runs in: real, or simulated in tests.
struct ExporterWorld {
  std::unique_ptr<Clock> clock;
  std::unique_ptr<Random> random;
  std::vector<std::unique_ptr<ProbeIo>> loops;  ///< at least one
  std::function<std::unique_ptr<ContainerEngine>(const DockerWatchConfig&)> make_engine;

  /// Sockets, the system's clock and Docker.
  static ExporterWorld real();
};

/// heal-exporter as an object.
class ExporterApp : public cli::App {
 public:
  /// Reads the configuration; the error names every mistake in it. Binds nothing yet.
  static Result<std::unique_ptr<ExporterApp>> create(ExporterOptions options, ExporterWorld world, Logger logger);
  ~ExporterApp() override;

  Status start() override;
  Status reload() override;
  void stop() override;

  /// Where it listens, after start().
  std::uint16_t port() const { return server_->port(); }

 private:
  /// What a configuration brings to life.
  struct Runtime {
    std::shared_ptr<ProbeScheduler> scheduler;
    std::vector<std::shared_ptr<DockerWatch>> watches;
  };

  ExporterApp(ExporterOptions options, ExporterWorld world, Logger logger, ExporterConfig config);
  Status make_server();
  void add_routes();
  void add_collectors();
  /// Starts what `config` asks for and takes over what stays of `old`.
  std::shared_ptr<const Runtime> bring_up(const ExporterConfig& config, const Runtime& old);
  void prepare_modules(const ExporterConfig& config);
  httpd::HttpResponse logs_page(const httpd::HttpRequest& request) const;

  const ExporterOptions options_;
  const ExporterWorld world_;
  const Logger logger_;
  Metrics metrics_;
  const ReloadMetrics reload_metrics_, blackbox_reload_metrics_;
  const SchedulerMetrics scheduler_metrics_;
  History history_;
  Snapshot<ExporterConfig> config_;
  Snapshot<Runtime> runtime_;
  probe::Engine engine_;
  ProbeHandler probe_handler_;
  std::unique_ptr<httpd::HttpServer> server_;
  Mutex reload_mutex_;  // one reload at a time
};

/// The program: parses `argv`, runs until a signal, gives the exit code.
int run_exporter(int argc, const char* const* argv);

}  // namespace heal::exporter
