#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/bundle.h"
#include "common/wire/json.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

constexpr Duration kCheckTimeout = 3s;

enum class Health { kOk, kWarn, kUnreachable, kInvalid };

/// What one check found.
struct Diagnosis {
  std::string check;
  Health health = Health::kOk;
  std::string message;
  std::string remedy;  ///< what to do about it; "" when nothing
};

std::string_view word_of(Health health) {
  return health == Health::kOk ? "ok" : health == Health::kWarn ? "warn" : "fail";
}

Tone tone_of_health(Health health) {
  return health == Health::kOk ? Tone::kGood : health == Health::kWarn ? Tone::kWarning : Tone::kBad;
}

class Doctor final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"doctor"},
            .summary = "Look at everything that healing needs: what is reachable, what is missing, what to do.",
            .details =
                "Exits 0 when nothing failed, 1 when a configuration is invalid, 7 when something could not be "
                "reached. Warnings do not count.",
            .options = {{.names = "--prometheus",
                         .value = "URL",
                         .help = "default http://localhost:9090",
                         .set = into(prometheus_)},
                        {.names = "--alertmanager",
                         .value = "URL",
                         .help = "default http://localhost:9093",
                         .set = into(alertmanager_)},
                        {.names = "--exporter",
                         .value = "URL",
                         .help = "heal-exporter, default http://localhost:9115",
                         .set = into(exporter_)},
                        {.names = "--docker",
                         .value = "SOCKET",
                         .help = "default /var/run/docker.sock",
                         .completes = Completes::kFiles,
                         .set = into(docker_)},
                        {.names = "--heal-config",
                         .value = "FILE",
                         .help = "a heal.yml to check with its playbooks",
                         .completes = Completes::kFiles,
                         .set = into(heal_config_)},
                        {.names = "--skip",
                         .value = "CHECK",
                         .help = "leave a check out",
                         .choices = {"service", "prometheus", "alertmanager", "exporter", "docker"},
                         .occurs = Occurs::kRepeated,
                         .set = into(skipped_)}},
            .examples = {"healctl doctor", "healctl doctor --skip docker --heal-config compose/config/fast/heal.yml"}};
  }
  /// It reports what is wrong with the settings itself.
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    check_settings(context);
    if (!heal_config_.empty()) check_heal_config();
    if (is_wanted("service")) check_service(context);
    if (is_wanted("prometheus")) check_prometheus(context);
    if (is_wanted("alertmanager")) check_alertmanager(context);
    if (is_wanted("exporter")) check_exporter(context);
    if (is_wanted("docker")) check_docker(context);
    if (context.stop().stop_requested()) return Exit::kInterrupted;
    show(context);
    const auto any = [&](Health health) {
      return std::any_of(findings_.begin(), findings_.end(), [&](const auto& f) { return f.health == health; });
    };
    if (any(Health::kInvalid)) return Exit::kFailed;
    return any(Health::kUnreachable) ? Exit::kUnreachable : Exit::kDone;
  }

 private:
  bool is_wanted(std::string_view check) const {
    return std::find(skipped_.begin(), skipped_.end(), check) == skipped_.end();
  }
  void find(std::string check, Health health, std::string message, std::string remedy = "") {
    findings_.push_back({std::move(check), health, std::move(message), std::move(remedy)});
  }
  static Deadline deadline(const Context& context) {
    return context.clock().deadline_in(context.settings().timeout.value_or(kCheckTimeout));
  }

  static Result<HttpClientResponse> get(const Context& context, const std::string& base, const std::string& path) {
    HttpClientRequest request;
    request.url = base + path;
    request.ca_file = context.settings().ca_file;
    HEAL_TRY(auto response, context.ports().http.send(request, deadline(context), context.stop()));
    if (!response.ok()) {
      return make_error(ErrorCode::kUnavailable, "GET {}: answered {}", request.url, response.status);
    }
    return response;
  }

  /// True when `path` answers 2xx; otherwise that is found.
  bool check_answers(const Context& context, const char* check, const std::string& base, const char* path,
                     const char* remedy) {
    const auto response = get(context, base, path);
    if (!response) find(check, Health::kUnreachable, response.error().str(), remedy);
    return response.has_value();
  }

  void check_settings(const Context& context) {
    const auto& settings = context.settings();
    if (!settings.problem.empty()) {
      find("settings", Health::kInvalid, settings.problem, "correct it; the other checks use the defaults");
    } else if (settings.config_file.empty()) {
      find("settings", Health::kOk, "no configuration file, using flags, HEALCTL_SERVER and defaults");
    } else {
      find("settings", Health::kOk, settings.config_file);
    }
  }

  void check_heal_config() {
    const auto found = playbook::load(heal_config_, playbook::NamedFiles::kMayBeElsewhere).diagnostics;
    if (found.has_errors()) {
      find("heal.yml", Health::kInvalid, found.to_error().str(),
           fmt::format("\"healctl playbook check {}\" shows all of it", heal_config_));
    } else if (found.warnings() > 0) {
      find("heal.yml", Health::kWarn, fmt::format("{}: {} warnings", heal_config_, found.warnings()),
           fmt::format("\"healctl playbook check {}\" shows them", heal_config_));
    } else {
      find("heal.yml", Health::kOk, heal_config_ + " and its playbooks are valid");
    }
  }

  /// Whether `answer` is what heal-webhook says of itself, and not some other server's object.
  static bool is_status(const Json& answer) {
    return get_string(answer, "version") && get_bool(answer, "accepting") && get_object(answer, "config") &&
           get_object(answer, "store");
  }

  void check_service(Context& context) {
    const auto& server = context.settings().server;
    const auto status = context.service().get("/status");
    if (status && !is_status(*status)) {
      find("service", Health::kUnreachable, server + " answers, but not as heal-webhook does",
           "name heal-webhook's address with --server or HEALCTL_SERVER");
      return;
    }
    if (status) {
      find("service", Health::kOk,
           fmt::format("{}, version {}", server, get_string(*status, "version").value_or("unknown")));
      check_what_the_service_sees(*status);
      check_journal(context);
      return;
    }
    const auto code = status.error().code();
    if (code == ErrorCode::kUnauthorized || code == ErrorCode::kRefused) {
      find("service", Health::kInvalid, status.error().str(),
           "give --user and --password-file of a user with the role view");
    } else {
      find("service", Health::kUnreachable, status.error().str(),
           "start heal-webhook, or name it with --server or HEALCTL_SERVER");
    }
  }

  /// `{"reachable": …, "error": …}`, as the service reports each of its neighbours.
  void check_neighbour(const Json& neighbour, const std::string& name, std::string_view remedy) {
    if (get_optional_bool(neighbour, "reachable").value_or(std::nullopt).value_or(true)) return;
    const auto why = get_optional_string(neighbour, "error").value_or(std::nullopt).value_or("no reason was given");
    find("service", Health::kUnreachable, fmt::format("it cannot reach {}: {}", name, why), std::string(remedy));
  }

  void check_what_the_service_sees(const Json& status) {
    if (!get_optional_bool(status, "accepting").value_or(std::nullopt).value_or(true)) {
      find("service", Health::kWarn, "it takes no alerts now", "it is starting or stopping: look again in a moment");
    }
    if (const auto* store = find_member(status, "store")) {
      check_neighbour(*store, "its store", "look at its log and at the disk under --storage.path");
    }
    for (const auto& engine : items_of(status, "engines")) {
      const auto name = get_optional_string(engine, "name").value_or(std::nullopt).value_or("?");
      check_neighbour(engine, "the engine " + name, "give it the engine's socket: engines in heal.yml");
    }
    if (const auto* prometheus = find_member(status, "prometheus")) {
      check_neighbour(*prometheus, "Prometheus", "see prometheus.url in heal.yml");
    }
    for (const auto& alertmanager : items_of(status, "alertmanagers")) {
      const auto url = get_optional_string(alertmanager, "url").value_or(std::nullopt).value_or("");
      check_neighbour(alertmanager, "Alertmanager " + url, "see alertmanagers in heal.yml");
    }
    const auto* config = find_member(status, "config");
    const auto playbooks =
        config == nullptr ? std::nullopt : get_optional_int(*config, "playbooks").value_or(std::nullopt);
    if (playbooks == 0) find("service", Health::kWarn, "it has no playbooks", "see playbooks in heal.yml");
  }

  void check_journal(Context& context) {
    const auto journal = context.service().get("/journal");
    if (!journal) {
      find("journal", Health::kWarn, fmt::format("could not be verified: {}", journal.error().str()));
      return;
    }
    const auto altered = get_optional_int(*journal, "first_altered").value_or(std::nullopt);
    if (!altered) return find("journal", Health::kOk, "intact");
    find("journal", Health::kInvalid, fmt::format("entry {} was altered, or is missing", *altered),
         "trust nothing from that entry on; keep a copy of --storage.path and find out who wrote to it");
  }

  static std::vector<Json> items_of(const Json& object, std::string_view name) {
    const auto list = get_optional_array(object, name);
    return list && *list != nullptr ? std::vector<Json>((*list)->begin(), (*list)->end()) : std::vector<Json>{};
  }

  void check_prometheus(Context& context) {
    const auto base = prometheus_.empty() ? context.settings().prometheus : prometheus_;
    if (!check_answers(context, "prometheus", base, "/-/ready", "start Prometheus, or name it with --prometheus")) {
      return;
    }
    const auto response = get(context, base, "/api/v1/alertmanagers");
    const auto json = response ? parse_json(response->body) : Result<Json>(response.error());
    const auto* data = json ? find_member(*json, "data") : nullptr;
    const auto* active = data == nullptr ? nullptr : find_member(*data, "activeAlertmanagers");
    if (active != nullptr && active->is_array() && active->empty()) {
      find("prometheus", Health::kWarn, base + " sends its alerts to no Alertmanager",
           "set alerting.alertmanagers in prometheus.yml");
    } else {
      find("prometheus", Health::kOk, base);
    }
  }

  void check_alertmanager(Context& context) {
    const auto base = alertmanager_.empty() ? context.settings().alertmanager : alertmanager_;
    if (!check_answers(context, "alertmanager", base, "/-/ready",
                       "start Alertmanager, or name it with --alertmanager")) {
      return;
    }
    const auto response = get(context, base, "/api/v2/status");
    const auto json = response ? parse_json(response->body) : Result<Json>(response.error());
    const auto* config = json ? find_member(*json, "config") : nullptr;
    const auto text = config == nullptr ? Result<std::string>(Error(ErrorCode::kProtocol, ""))
                                        : get_string(*config, "original", "/config");
    if (text && text->find("webhook_configs") == std::string::npos) {
      find("alertmanager", Health::kWarn, base + " has no webhook receiver, so that nothing is healed",
           "add a receiver with webhook_configs and heal-webhook's /webhook, and a route to it");
    } else {
      find("alertmanager", Health::kOk, base);
    }
  }

  void check_exporter(Context& context) {
    const auto base = exporter_.empty() ? context.settings().exporter : exporter_;
    if (check_answers(context, "exporter", base, "/-/healthy", "start heal-exporter, or name it with --exporter")) {
      find("exporter", Health::kOk, base);
    }
  }

  void check_docker(Context& context) {
    const auto engine = context.ports().open_engine(docker_);
    const auto version = engine->version(deadline(context), context.stop());
    if (!version) {
      find("docker", Health::kWarn, fmt::format("{}: {}", docker_, version.error().str()),
           "only the service needs the engine; to check it from here, run where the socket may be read, or --docker");
      return;
    }
    const auto about = fmt::format("engine {}, API {}", version->engine, version->api);
    const auto containers = engine->list(deadline(context), context.stop());
    if (!containers) {
      find("docker", Health::kWarn, fmt::format("{}; containers: {}", about, containers.error().str()));
      return;
    }
    const auto enabled = std::count_if(containers->begin(), containers->end(), [](const ContainerInfo& container) {
      return label_value(container.labels, "heal.enable") == "true";
    });
    const auto all = fmt::format("{}, {} containers, {} with heal.enable=true", about, containers->size(), enabled);
    if (enabled == 0) {
      find("docker", Health::kWarn, all, "label what may be healed, or list it in heal.yml's inventory");
    } else {
      find("docker", Health::kOk, all);
    }
  }

  void show(Context& context) const {
    if (!context.wants_table()) {
      Json checks = Json::array();
      for (const auto& [check, health, message, remedy] : findings_) {
        checks.push_back({{"check", check}, {"result", word_of(health)}, {"message", message}, {"remedy", remedy}});
      }
      context.print_document(Json{{"checks", std::move(checks)}});
      return;
    }
    for (const auto& [check, health, message, remedy] : findings_) {
      const auto word = fmt::format("{:<4}", word_of(health));
      std::string margin = fmt::format("{}  {:<12}  ", toned(word, tone_of_health(health), context.colour()), check);
      for (const auto line : split(message, '\n')) {
        context.print(margin + safe_text(line) + "\n");
        margin = std::string(20, ' ');
      }
      if (!remedy.empty()) context.print(std::string(20, ' ') + "→ " + remedy + "\n");
    }
  }

  std::string prometheus_, alertmanager_, exporter_, docker_ = "/var/run/docker.sock", heal_config_;
  std::vector<std::string> skipped_;
  std::vector<Diagnosis> findings_;
};

}  // namespace

std::unique_ptr<Command> make_doctor() {
  return std::make_unique<Doctor>();
}

}  // namespace heal::ctl
