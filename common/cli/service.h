#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/httpd/server.h"
#include "common/telemetry/logger.h"
#include "common/telemetry/metrics.h"

namespace heal::cli {

/// Exit codes of the services.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

/// A service as an object. Methods are called by one thread; on_reload may be called while it runs.
class App {
 public:
  virtual ~App() = default;
  /// Starts serving and returns; an error ends the program with exit code 1.
  virtual Status start() = 0;
  /// Reads the configuration again; on an error the old one stays in force. Called on SIGHUP and by `/-/reload`.
  virtual Status reload() = 0;
  /// Stops gracefully and returns when all has ended.
  virtual void stop() = 0;
};

/// Blocks SIGTERM, SIGINT, SIGHUP (and ignores SIGPIPE) in this thread and all that it starts from now on. Call first
/// in main(), before any thread exists.
void block_signals();

/// Starts `app`, then serves signals: SIGHUP reloads; SIGTERM and SIGINT stop it (a second one ends the process at
/// once with code 1). Returns the exit code. block_signals() must have been called.
int run_service(App& app, const Logger& logger);

/// What the admin routes ask of a service. Each may be called from any thread.
struct AdminHooks {
  std::function<Status()> reload;  ///< absent: `/-/reload` answers 404
  std::function<Status()> ready;   ///< absent: always ready; an error is the reason for a 503
  std::string role;                ///< asked for by `/-/reload`
  /// After a reload: what of the files it could not bring into force, one line each; absent: nothing ever.
  std::function<std::vector<std::string>()> unapplied = nullptr;
  std::string prefix = {};  ///< before each path: "" or "/name"
};

/// Adds below the prefix `GET /-/healthy`, `GET /-/ready`, `POST|PUT /-/reload` (500 with the reason when it fails) and
/// `GET /metrics` to `server` as admin routes. `metrics` must outlive it.
void add_admin_routes(httpd::HttpServer& server, Metrics& metrics, const AdminHooks& hooks);

}  // namespace heal::cli
