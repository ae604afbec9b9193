#include "common/cli/service.h"

#include <atomic>
#include <csignal>
#include <pthread.h>
#include <thread>
#include <unistd.h>

namespace heal::cli {
namespace {

sigset_t handled_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    ::sigaddset(&signals, signal);
  return signals;
}

std::string_view name_of(int signal) {
  switch (signal) {
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    default:
      return "SIGHUP";
  }
}

// Waits for SIGTERM or SIGINT, reloading at each SIGHUP.
int serve_signals(App& app, const Logger& logger) {
  const sigset_t signals = handled_signals();
  while (true) {
    int signal = 0;
    if (::sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) return signal;
    if (const auto status = app.reload(); !status.has_value()) {
      logger.error("configuration not reloaded, the old one stays in force", {{"err", status.error()}});
    } else {
      logger.info("configuration reloaded", {{"cause", "SIGHUP"}});
    }
  }
}

// While the program stops: a second SIGTERM or SIGINT ends it at once.
class Impatience {
 public:
  explicit Impatience(const Logger& logger) : thread_([this, &logger] { watch(logger); }) {}
  ~Impatience() {
    done_.store(true);
    ::pthread_kill(thread_.native_handle(), SIGHUP);  // wakes the wait; SIGHUP has no meaning any more
    thread_.join();
  }
  Impatience(const Impatience&) = delete;
  Impatience& operator=(const Impatience&) = delete;

 private:
  void watch(const Logger& logger) {
    const sigset_t signals = handled_signals();
    while (!done_.load()) {
      int signal = 0;
      if (::sigwait(&signals, &signal) != 0 || signal == SIGHUP) continue;
      logger.warn("ended at once", {{"cause", name_of(signal)}});
      ::_exit(kExitFailed);
    }
  }

  std::atomic<bool> done_{false};
  std::thread thread_;
};

httpd::HttpResponse healthy(const httpd::HttpRequest&) {
  return httpd::HttpResponse::text(200, "Healthy\n");
}

httpd::Handler ready_handler(std::function<Status()> ready) {
  return [ready = std::move(ready)](const httpd::HttpRequest& request) {
    if (!ready) return httpd::HttpResponse::text(200, "Ready\n");
    const auto status = ready();
    if (status.has_value()) return httpd::HttpResponse::text(200, "Ready\n");
    return httpd::HttpResponse::error(request, 503, "not ready: " + status.error().str());
  };
}

httpd::Handler reload_handler(const AdminHooks& hooks) {
  return [reload = hooks.reload, unapplied = hooks.unapplied](const httpd::HttpRequest& request) {
    const auto status = reload();
    if (!status.has_value()) {
      return httpd::HttpResponse::error(request, 500, "failed to reload config: " + status.error().str());
    }
    std::string text = "Reloaded\n";
    if (unapplied) {
      for (const std::string& line : unapplied())
        text += "warning: " + line + "\n";
    }
    return httpd::HttpResponse::text(200, text);
  };
}

}  // namespace

void block_signals() {
  const sigset_t signals = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int run_service(App& app, const Logger& logger) {
  if (const auto status = app.start(); !status.has_value()) {
    logger.error("cannot start", {{"err", status.error()}});
    app.stop();
    return kExitFailed;
  }
  const int signal = serve_signals(app, logger);
  logger.info("stopping", {{"cause", name_of(signal)}});
  {
    const Impatience impatience(logger);
    app.stop();
  }
  logger.info("stopped");
  return kExitOk;
}

void add_admin_routes(httpd::HttpServer& server, Metrics& metrics, const AdminHooks& hooks) {
  httpd::RouteOptions admin;
  admin.route_class = httpd::RouteClass::kAdmin;
  server.get(hooks.prefix + "/-/healthy", healthy, admin);
  server.get(hooks.prefix + "/-/ready", ready_handler(hooks.ready), admin);
  server.get(
      hooks.prefix + "/metrics",
      [&metrics](const httpd::HttpRequest&) {
        return httpd::HttpResponse{.status = 200,
                                   .content_type = std::string(kExpositionContentType),
                                   .body = metrics.expose(),
                                   .headers = {}};
      },
      admin);
  if (!hooks.reload) return;
  admin.role = hooks.role;
  server.post(hooks.prefix + "/-/reload", reload_handler(hooks), admin);
  server.handle("PUT", hooks.prefix + "/-/reload", reload_handler(hooks), admin);
}

}  // namespace heal::cli
