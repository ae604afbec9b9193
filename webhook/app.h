#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/cli/service.h"
#include "common/httpd/server.h"
#include "common/telemetry/logger.h"
#include "webhook/ports.h"

namespace heal::webhook {

/// How the program was called.
struct AppOptions {
  std::string config_file = "heal.yml";
  std::string storage_path = "data";
  std::vector<std::string> listen{"127.0.0.1:9095"};  ///< port 0 lets the system choose
  std::vector<httpd::PassedSocket> passed;            ///< served on in place of `listen`
  std::string web_config_file;
  /// Serving other machines without asking for credentials must be said.
  enum class Exposure { kNeedsAuthentication, kInsecure } exposure = Exposure::kNeedsAuthentication;
  Duration stop_grace = 10s;  ///< how long a running step may take to end when the service stops
};

/// heal-webhook as an object: create, start, stop. start(), reload() and stop() come from one thread.
class App final : public cli::App {
 public:
  /// Reads the configuration, opens the store, and takes the ports; nothing is served yet. Errors: kInvalid for the
  /// configuration, kStorage, kConflict when another process holds the store.
  static Result<std::unique_ptr<App>> create(AppOptions options, Ports ports, Logger logger);
  ~App() override;
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  /// Takes up what the store holds, then serves. kRefused when other machines could reach it without credentials.
  Status start() override;
  /// Reads the configuration again; on an error the old one stays in force.
  Status reload() override;
  /// Takes nothing new (503), lets the running steps end within the grace, journals, closes. Idempotent.
  void stop() override;

  /// The port of the first address; after start().
  std::uint16_t port() const;
  /// All routes with the roles that they ask for; after start().
  std::vector<httpd::RouteInfo> routes() const;
  /// The page of `/metrics`.
  std::string metrics_text();

 private:
  class Impl;
  explicit App(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace heal::webhook
