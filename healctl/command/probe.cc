#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/decode.h"
#include "common/config/diagnostics.h"
#include "common/config/file.h"
#include "common/config/yaml.h"
#include "common/probe/exposition.h"
#include "common/probe/module_config.h"
#include "common/probe/run.h"
#include "common/wire/json.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

constexpr Duration kProbeTimeout = 10s;
/// What can be probed with when no file says more.
constexpr std::string_view kBuiltInModules =
    "modules:\n"
    "  http_2xx: {prober: http}\n"
    "  tcp_connect: {prober: tcp}\n";

/// The modules of an exporter's configuration; its other sections are not looked at.
Result<probe::Modules> read_modules(const std::string& file, std::string text) {
  const config::Source source(file, std::move(text));
  config::Diagnostics diagnostics;
  probe::Modules modules;
  if (const auto root = config::parse_yaml(source, diagnostics)) {
    config::MapReader map(config::Value(*root, source, diagnostics, config::Dialect::kGoYaml, "the file"),
                          "the configuration");
    map.required("modules", modules, probe::as_modules);
  }
  if (diagnostics.has_errors()) return Error(ErrorCode::kInvalid, diagnostics.render());
  return modules;
}

class Probe final : public Command {
 public:
  CommandSpec spec() override {
    return {
        .path = {"probe"},
        .summary = "Probe a target once from here, the way heal-exporter would, and say what came of it.",
        .details = "No service is needed. Without --config the modules http_2xx and tcp_connect are there.",
        .arguments = {{.names = "TARGET",
                       .help = "a URL or host:port, as the module wants it",
                       .occurs = Occurs::kRequired,
                       .set = into(target_)}},
        .options =
            {{.names = "--module",
              .value = "NAME",
              .help = "a module of the configuration",
              .occurs = Occurs::kRequired,
              .set = into(module_)},
             {.names = "--config",
              .value = "FILE",
              .help = "heal-exporter's configuration or a blackbox.yml",
              .completes = Completes::kFiles,
              .set = into(config_)},
             {.names = "--hostname", .value = "NAME", .help = "http: Host header and TLS name", .set = into(hostname_)},
             {.names = "--debug", .help = "show the probe's log on stderr", .set = into(debug_)},
             {.names = "--exposition", .help = "show what Prometheus would be sent", .set = into(exposition_)}},
        .examples = {"healctl probe http://localhost:9095/-/healthy --module http_2xx",
                     "healctl probe localhost:9093 --module tcp_connect -o json"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    auto modules = load_modules();
    if (!modules) {
      if (modules.error().code() == ErrorCode::kInvalid) {
        for (const auto line : split(trim(modules.error().message()), '\n'))
          context.say(line);
      } else {
        context.complain(modules.error().str());
      }
      return Exit::kFailed;
    }
    const auto found = modules->find(module_);
    if (found == modules->end()) return complain_of_module(context, *modules);
    probe::ProbeRequest request;
    request.module = found->second;
    request.target = target_;
    request.hostname = hostname_;
    const auto own = found->second->timeout == 0s ? kProbeTimeout : found->second->timeout;
    const auto result = context.ports().probe(request, context.settings().timeout.value_or(own), context.stop());
    if (debug_) {
      for (const auto& line : result.log)
        context.say(line);
    }
    show(context, result);
    return result.success ? Exit::kDone : Exit::kFailed;
  }

 private:
  Result<probe::Modules> load_modules() const {
    if (config_.empty()) return read_modules("built in", std::string(kBuiltInModules));
    HEAL_TRY(auto text, config::read_text_file(config_));
    return read_modules(config_, std::move(text));
  }

  Exit complain_of_module(Context& context, const probe::Modules& modules) const {
    std::vector<std::string> names;
    for (const auto& [name, module] : modules)
      names.push_back(name);
    context.complain(fmt::format("there is no module \"{}\"", printable(module_)), config::suggestion(module_, names));
    return Exit::kUsage;
  }

  void show(Context& context, const ProbeResult& result) const {
    if (exposition_) {
      context.print(probe::expose_result(result));
    } else if (context.wants_table()) {
      show_table(context, result);
    } else {
      context.print_document(to_document(result));
    }
  }

  void show_table(Context& context, const ProbeResult& result) const {
    const auto verdict = result.success ? toned("succeeded", Tone::kGood, context.colour())
                                        : toned("failed", Tone::kBad, context.colour());
    context.print(fmt::format("{} {} in {}\n", safe_text(target_), verdict, format_duration_short(result.duration)));
    if (!result.success) {
      context.print(fmt::format("{}/{}: {}\n", result.phase, result.reason, safe_text(result.message)));
    }
    if (result.families.empty()) return;
    Table table({{"METRIC", Column::Fit::kKeep},
                 {"LABELS", Column::Fit::kCut},
                 {"VALUE", Column::Fit::kKeep, Column::Align::kRight}});
    for (const auto& family : result.families) {
      for (const auto& sample : family.samples) {
        table.add(
            {family.name, sample.labels.empty() ? "" : format_labels(sample.labels), fmt::format("{}", sample.value)});
      }
    }
    context.print("\n");
    context.print(table);
  }

  static Json to_document(const ProbeResult& result) {
    Json metrics = Json::array();
    for (const auto& family : result.families) {
      for (const auto& sample : family.samples) {
        metrics.push_back({{"name", family.name}, {"labels", to_json_value(sample.labels)}, {"value", sample.value}});
      }
    }
    return Json{{"success", result.success},
                {"phase", result.phase},
                {"reason", result.reason},
                {"message", result.message},
                {"duration_seconds", to_seconds(result.duration)},
                {"metrics", std::move(metrics)}};
  }

  std::string target_, module_, config_, hostname_;
  bool debug_ = false, exposition_ = false;
};

}  // namespace

std::unique_ptr<Command> make_probe() {
  return std::make_unique<Probe>();
}

}  // namespace heal::ctl
