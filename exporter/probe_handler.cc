#include "exporter/probe_handler.h"

#include "common/base/text.h"
#include "common/probe/exposition.h"
#include "common/probe/http_request.h"
#include "common/probe/url.h"
#include "common/telemetry/exposition.h"

namespace heal::exporter {
namespace {

using httpd::HttpResponse;

constexpr std::string_view kTimeoutHeader = "X-Prometheus-Scrape-Timeout-Seconds";

HttpResponse refusal(int status, std::string_view why) {
  return HttpResponse::text(status, std::string(why) + "\n");
}

/// In double quotes, those inside escaped.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return printable(out, 512) + '"';
}

/// blackbox_exporter's complaint when the module and the URL name different hosts; nullopt when they agree.
std::optional<std::string> host_conflict(const probe::Module& module, std::string_view hostname) {
  for (const auto& [name, value] : module.http.headers) {
    if (probe::canonical_header_name(name) != "Host" || value == hostname) continue;
    return fmt::format("host header defined both in module configuration ({}) and with URL-parameter 'hostname' ({})",
                       value, hostname);
  }
  return std::nullopt;
}

/// Gives `request` the hostname where its prober uses one; why it cannot, if it cannot.
std::optional<std::string> take_hostname(std::string_view hostname, probe::ProbeRequest& request) {
  const bool is_http = request.module->prober == "http";
  if (hostname.empty() || !(is_http || request.module->prober == "tcp")) return std::nullopt;
  if (const Status is_one = probe::check_hostname(hostname); !is_one.has_value()) {
    return "Bad hostname parameter: " + is_one.error().message();
  }
  request.hostname = hostname;
  return is_http ? host_conflict(*request.module, hostname) : std::nullopt;
}

HttpResponse answer(const probe::Module& module, const ProbeResult& result, bool debug) {
  if (debug) return HttpResponse::text(200, debug_text(module, result));
  HttpResponse response;
  response.content_type = kExpositionContentType;
  response.body = probe::expose_result(result);
  return response;
}

}  // namespace

ProbeHandler::ProbeHandler(Settings settings, probe::Engine& engine, const Snapshot<ExporterConfig>& config,
                           History& history, Metrics& metrics)
    : settings_(settings), engine_(engine), config_(config), history_(history) {
  // Written by hand: the help text is blackbox_exporter's to the letter.
  metrics.add_collector([this](ExpositionWriter& out) {
    out.counter("blackbox_module_unknown_total", "Count of unknown modules requested by probes",
                static_cast<double>(unknown_modules_.load()));
  });
}

std::optional<HttpResponse> ProbeHandler::plan(const httpd::HttpRequest& request, Plan& plan) const {
  const std::shared_ptr<const ExporterConfig> config = config_.get();
  std::string_view name = request.param("module").value_or("");
  if (name.empty()) name = "http_2xx";
  const auto module = config->modules.find(name);
  if (module == config->modules.end()) {
    unknown_modules_.fetch_add(1);
    return refusal(400, fmt::format("Unknown module {}", quoted(name)));
  }
  const Result<Duration> timeout =
      probe::probe_timeout(*module->second, request.header(kTimeoutHeader), settings_.timeout_offset);
  if (!timeout.has_value()) {
    return refusal(500, fmt::format("Failed to parse timeout from Prometheus header: {}", timeout.error().message()));
  }
  plan.timeout = *timeout;
  if (module->second->confirm) {
    const Result<Duration> left = probe::scrape_time_left(request.header(kTimeoutHeader), settings_.timeout_offset);
    plan.confirm_time = probe::confirm_time(*module->second->confirm, *timeout, *left);
  }
  plan.request.module = module->second;
  plan.request.policy = config->policy;
  plan.request.target = request.param("target").value_or("");
  if (plan.request.target.empty()) return refusal(400, "Target parameter is missing");
  if (const auto why = take_hostname(request.param("hostname").value_or(""), plan.request)) return refusal(400, *why);
  if (engine_.in_flight() >= settings_.max_in_flight) return refusal(503, "Too many probes in flight");
  return std::nullopt;
}

void ProbeHandler::handle(const httpd::HttpRequest& request, httpd::Responder responder) {
  Plan probe;
  if (std::optional<HttpResponse> refused = plan(request, probe)) return responder.send(*std::move(refused));
  const bool debug = request.param("debug").value_or("") == "true";
  const std::shared_ptr<const probe::Module> module = probe.request.module;
  const std::string target = probe::shown_target(probe.request.target);
  // std::function must be copyable.
  auto shared = std::make_shared<httpd::Responder>(std::move(responder));
  const SteadyTime now = engine_.now();
  if (probe.confirm_time) {
    probe.request.confirm_until = now + *probe.confirm_time;
    // Who has left is not asked for again; what was seen is answered, for a client may only have closed its own side.
    probe.request.confirm_stop = shared->gone();
  }
  engine_.start(std::move(probe.request), now + probe.timeout,
                [this, module, target, debug, shared](ProbeResult result) {
                  httpd::HttpResponse response = answer(*module, result, debug);
                  history_.add(module, target, std::move(result));
                  shared->send(std::move(response));
                });
}

}  // namespace heal::exporter
