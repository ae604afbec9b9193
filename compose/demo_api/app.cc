#include "compose/demo_api/app.h"

#include <cstdlib>
#include <unistd.h>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/cli/flags.h"
#include "common/system/system_clock.h"
#include "common/wire/json.h"

namespace heal::demo {
namespace {

using httpd::HttpRequest;
using httpd::HttpResponse;

constexpr std::string_view kPage = R"(<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{0}</title></head>
<body><h1>{0} serves this page</h1><p>API: <a href="api">/api</a> · <a href="health">/health</a> · <a href="mode">/mode</a></p></body>
</html>
)";

/// For a container this is what a crash looks like: no answer, no clean-up, an exit code.
void end_process(int code) {
  _exit(code);
}

}  // namespace

Result<std::unique_ptr<DemoApi>> DemoApi::create(DemoOptions options, std::unique_ptr<Clock> clock, Logger logger) {
  if (!options.crash) options.crash = end_process;
  std::unique_ptr<DemoApi> api(new DemoApi(std::move(options), std::move(clock), std::move(logger)));
  httpd::ServerOptions server;
  server.listen = api->options_.listen;
  server.workers = 32;  // slow answers hold one each
  server.metrics_prefix = "demo_api";
  HEAL_TRY(api->server_, httpd::HttpServer::create(std::move(server), api->logger_, api->metrics_));
  api->add_routes();
  api->add_metrics();
  return api;
}

DemoApi::DemoApi(DemoOptions options, std::unique_ptr<Clock> clock, Logger logger)
    : options_(std::move(options)), clock_(std::move(clock)), logger_(std::move(logger)), metrics_("demo_api") {}

DemoApi::~DemoApi() {
  stop();
}

void DemoApi::add_routes() {
  const auto api = [this](const HttpRequest& request) {
    return misbehaving(request, [&] {
      if (errors_.next(modes_.get().errors)) {
        return HttpResponse::json(500, dump(Json{{"error", "told to fail"}, {"served_by", options_.name}}));
      }
      return HttpResponse::json(200, dump(Json{{"served_by", options_.name}, {"answered", ++answered_}}));
    });
  };
  const auto health = [this](const HttpRequest& request) {
    return misbehaving(request, [&] {
      const bool healthy = modes_.get().healthy;
      const Json body{{"status", healthy ? "ok" : "unhealthy"}, {"served_by", options_.name}};
      return HttpResponse::json(healthy ? 200 : 503, dump(body));
    });
  };
  server_->get("/", [this](const HttpRequest& request) {
    return misbehaving(request, [&] { return HttpResponse::html(200, fmt::format(kPage, options_.name)); });
  });
  server_->get("/api", api);
  server_->get("/health", health);
  server_->get("/mode", [this](const HttpRequest&) { return HttpResponse::json(200, to_json(modes_.get())); });
  server_->post("/mode", [this](const HttpRequest& request) { return change_modes(request); });
  server_->post("/crash", [this](const HttpRequest& request) { return crash(request); });
  cli::add_admin_routes(*server_, metrics_, {});
}

void DemoApi::add_metrics() {
  metrics_.add_collector([this](ExpositionWriter& out) {
    const Modes modes = modes_.get();
    out.gauge("demo_api_healthy", "1 while /health answers 200.", modes.healthy ? 1 : 0);
    out.gauge("demo_api_ballast_bytes", "Memory that is held on demand.",
              static_cast<double>(modes.memory_mib) * 1024 * 1024);
  });
}

HttpResponse DemoApi::misbehaving(const HttpRequest& request, const std::function<HttpResponse()>& answer) {
  const Duration slow = modes_.get().slow;
  if (slow > Duration{}) clock_->sleep_for(slow, ending_.get_token());
  log("request", request.path);
  return answer();
}

HttpResponse DemoApi::change_modes(const HttpRequest& request) {
  const Result<Modes> modes = parse_modes(request.body, modes_.get());
  if (!modes.has_value()) return HttpResponse::json(400, dump(Json{{"error", modes.error().message()}}));
  modes_.set(*modes);
  logger_.info("mode changed", {{"modes", to_json(*modes)}});
  return HttpResponse::json(200, to_json(*modes));
}

HttpResponse DemoApi::crash(const HttpRequest& request) {
  const std::optional<std::int64_t> code = parse_int(request.param("code").value_or("1"));
  if (!code || *code < 0 || *code > 255) return HttpResponse::text(400, "code: expected 0 to 255\n");
  logger_.error("told to crash", {{"code", *code}});
  options_.crash(static_cast<int>(*code));
  return HttpResponse::text(202, "crashed\n");
}

void DemoApi::log(std::string_view message, std::string_view path) const {
  if (!modes_.get().silent) logger_.info(message, {{"name", options_.name}, {"path", path}});
}

void DemoApi::beat(std::stop_token stop) {
  while (clock_->sleep_for(options_.heartbeat, stop) == Clock::Wake::kReached)
    log("alive", "");
}

Status DemoApi::start() {
  HEAL_TRY_STATUS(server_->start());
  heart_ = std::jthread([this] { beat(ending_.get_token()); });
  for (const std::string& address : server_->addresses())
    logger_.info("listening", {{"name", options_.name}, {"address", address}});
  return {};
}

void DemoApi::stop() {
  ending_.request_stop();
  if (server_) server_->stop();
  if (heart_.joinable()) heart_.join();
}

int run_demo_api(int argc, const char* const* argv) {
  cli::block_signals();
  DemoOptions options;
  cli::ServiceFlags defaults;
  defaults.listen_addresses = options.listen;
  cli::FlagParser parser("demo-api", "A service to be broken and healed: /health, /api, /mode, /crash, /metrics.",
                         defaults, cli::FlagParser::FlagSet::kWithoutConfig);
  parser.add_option("name", options.name, "says who answered");
  parser.add_duration("heartbeat", options.heartbeat, "writes a log line this often");
  if (const std::optional<int> code = parser.parse(argc, argv)) return *code;
  options.listen = parser.flags().listen_addresses;
  LoggerOptions log;
  log.level = parser.flags().log_level;
  log.format = parser.flags().log_format;
  const Logger logger = Logger(log).component("demo-api");
  Result<std::unique_ptr<DemoApi>> api = DemoApi::create(std::move(options), std::make_unique<SystemClock>(), logger);
  if (!api.has_value()) {
    logger.error("cannot start", {{"err", api.error()}});
    return cli::kExitFailed;
  }
  return cli::run_service(**api, logger);
}

}  // namespace heal::demo
