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
#include "common/port/alertmanager_api.h"
#include "common/port/clock.h"
#include "common/port/probe_io.h"
#include "common/port/random.h"
#include "common/probe/engine.h"
#include "common/telemetry/logger.h"
#include "common/telemetry/metrics.h"
#include "exporter/config.h"
#include "exporter/fast_alerts.h"
#include "exporter/history.h"
#include "exporter/probe_handler.h"
#include "exporter/probe_scheduler.h"
#include "exporter/target_files.h"
#include "exporter/watches.h"
#include "exporter/web_paths.h"

namespace heal::exporter {

/// What the command line says.
struct ExporterOptions {
  cli::ServiceFlags flags;
  Duration timeout_offset = 500ms;
  std::size_t history_limit = 100;
  std::size_t max_in_flight = 10'000;
  std::size_t max_tls_handshakes = 0;  ///< 0: as many as suits the cores
  WebPaths paths;
  std::vector<httpd::PassedSocket> passed;  ///< served on in place of flags.listen_addresses
};

/// The world that the program runs in: real, or simulated in tests.
struct ExporterWorld {
  std::unique_ptr<Clock> clock;
  std::unique_ptr<Random> random;
  std::vector<std::unique_ptr<ProbeIo>> loops;  ///< at least one
  WatchWorld watched;
  std::function<std::shared_ptr<AlertmanagerApi>(const AlertmanagerConfig&)> make_alertmanager;

  /// Sockets, the system's clock and Docker.
  /// `tls_handshakes`: how many may be in flight in all; 0: TlsLimits for each of the loops.
  static ExporterWorld real(std::size_t tls_handshakes = 0);
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
    Watches watches;
  };

  ExporterApp(ExporterOptions options, ExporterWorld world, Logger logger, ExporterConfig config);
  Status make_server();
  void add_routes();
  void add_prefix_redirects();
  void add_collectors();
  /// Starts what `config` asks for and takes over what stays of `old`. kUnavailable when the host has no thread for all
  /// of it: then everything goes on as it was.
  Result<std::shared_ptr<const Runtime>> bring_up(const ExporterConfig& config, const Runtime& old);
  Result<Watches> make_watches(const ExporterConfig& config, const Watches& old) const;
  bool keeps_alerts(const ExporterConfig& config) const;
  /// The same for fast_alerts; `series` are those of the new scheduler.
  void bring_up_alerts(const ExporterConfig& config, const FastAlerts::Series& series, std::vector<HeldThread> threads);
  std::shared_ptr<FastAlerts> fast_alerts() const HEAL_EXCLUDES(alerts_mutex_);
  void set_fast_alerts(std::shared_ptr<FastAlerts> alerts) HEAL_EXCLUDES(alerts_mutex_);
  /// Targets in files have changed: the schedule goes on with the new ones.
  Status retarget();
  /// Reads the configuration again; what fails leaves the old one in force.
  Status take_over() HEAL_REQUIRES(reload_mutex_);
  void prepare_modules(const ExporterConfig& config);
  httpd::HttpResponse status_page(const httpd::HttpRequest& request) const;
  httpd::HttpResponse logs_page(const httpd::HttpRequest& request) const;

  const ExporterOptions options_;
  const ExporterWorld world_;
  const Logger logger_;
  Metrics metrics_;
  const ReloadMetrics reload_metrics_, blackbox_reload_metrics_;
  const SchedulerMetrics scheduler_metrics_;
  const FastAlertMetrics alert_metrics_;
  History history_;
  History failures_;  // of scheduled probes
  Snapshot<ExporterConfig> config_;
  Snapshot<Runtime> runtime_;
  const Histogram loop_lag_;
  probe::Engine engine_;
  ProbeHandler probe_handler_;
  TargetFiles target_files_;
  std::unique_ptr<httpd::HttpServer> server_;
  Mutex reload_mutex_;  // one reload at a time
  bool is_stopped_ HEAL_GUARDED_BY(reload_mutex_) = false;
  // Beside the runtime: loops reach for it, and must never be those who end the rest.
  mutable Mutex alerts_mutex_;
  std::shared_ptr<FastAlerts> fast_alerts_ HEAL_GUARDED_BY(alerts_mutex_);
};

/// The program: parses `argv`, runs until a signal, gives the exit code.
int run_exporter(int argc, const char* const* argv);

}  // namespace heal::exporter
