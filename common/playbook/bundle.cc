#include "common/playbook/bundle.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/config/file.h"
#include "common/playbook/expansion.h"
#include "common/playbook/promql.h"

namespace heal::playbook {
namespace {

using config::Diagnostics;
using config::Severity;
using config::Source;

/// The files that were read, to show lines of them when they are checked against each other.
class Sources {
 public:
  /// The file's text; nullptr after reporting why it cannot be read.
  const std::string* read(const std::string& file, Diagnostics& diagnostics) {
    auto text = config::read_text_file(file);
    if (!text) {
      diagnostics.error({}, text.error().message());
      return nullptr;
    }
    const auto [found, ignored] = sources_.insert_or_assign(file, Source(file, std::move(*text)));
    return &found->second.text();
  }

  std::string digest() const {
    std::vector<std::string> texts;
    for (const auto& [file, source] : sources_)
      texts.push_back(sha256_hex(source.text()));
    std::sort(texts.begin(), texts.end());
    return sha256_hex(fmt::format("{}", fmt::join(texts, " ")));
  }

  void report(Diagnostics& diagnostics, Severity severity, const SourceSpan& span, std::string message,
              std::string hint = {}) const {
    const auto found = sources_.find(span.file);
    const auto line = found == sources_.end() ? std::string_view() : found->second.line(span.line);
    diagnostics.add({severity, span, std::move(message), std::move(hint), std::string(line)});
  }

 private:
  std::map<std::string, Source> sources_;
};

using Playbooks = std::map<std::string, Playbook, std::less<>>;

void read_playbooks(const std::vector<std::string>& files, const GuardSettings& defaults, Sources& sources,
                    Playbooks& out, Diagnostics& diagnostics) {
  for (const auto& file : files) {
    const std::string* text = sources.read(file, diagnostics);
    if (text == nullptr) continue;
    auto playbook = parse_playbook(*text, file, defaults, diagnostics);
    if (!playbook) continue;
    const auto [found, is_new] = out.emplace(playbook->name, *playbook);
    if (!is_new)
      sources.report(
          diagnostics, Severity::kError, playbook->name_span,
          fmt::format("there is another playbook named \"{}\", at {}", playbook->name, found->second.name_span.str()),
          "give one of them another name");
  }
}

void check_route_params(const Route& route, const Playbook& playbook, const Sources& sources,
                        Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const auto& spec : playbook.params) {
    names.push_back(spec.name);
    const auto given = route.params.find(spec.name);
    if (given == route.params.end() && !spec.default_value)
      sources.report(diagnostics, Severity::kError, route.span,
                     fmt::format("the route gives no \"{}\", which playbook {} needs", spec.name, playbook.name));
    if (given == route.params.end() || !given->second.is_literal()) continue;
    if (const auto checked = check_value(spec.type, given->second.text()); !checked)
      sources.report(diagnostics, Severity::kError, route.param_spans.at(spec.name),
                     fmt::format("param \"{}\" does not fit: {}", spec.name, checked.error().message()));
  }
  for (const auto& [name, ignored] : route.params) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    sources.report(diagnostics, Severity::kError, route.param_spans.at(name),
                   fmt::format("playbook {} has no param \"{}\"", playbook.name, name),
                   config::suggestion(name, names));
  }
}

/// Why nothing can ever be done to `id`, as far as heal.yml alone can tell; "" when it may.
std::string absence(const HealConfig& config, const TargetId& id) {
  if (id.kind != "container") {
    const auto listed = inventory_of(config, id);
    return listed ? "" : listed.error().message();
  }
  if (config.engines.find(id.engine) == config.engines.end())
    return fmt::format("{}: there is no engine \"{}\" in heal.yml", id.str(), id.engine);
  const bool may_be_labelled = config.inventory.container_labels == ContainerLabels::kUse;
  if (may_be_labelled || find_target(config, id) != nullptr) return "";
  return fmt::format("{}: not in the inventory (not under inventory.targets in heal.yml)", id.str());
}

/// The first thing that `playbook` asks of its own target and that `id` cannot do by its kind; "" when it can do all.
std::string misfit(const Playbook& playbook, const TargetId& id) {
  for (const auto& step : playbook.steps) {
    const StepKind* kind = find_step_kind(step.kind);
    if (kind == nullptr || kind->target_kinds.empty() || !step.target.text().empty()) continue;
    const auto& kinds = kind->target_kinds;
    if (std::find(kinds.begin(), kinds.end(), id.kind) == kinds.end())
      return fmt::format("step {} of playbook {} cannot act on {} ({} acts on a {})", step.name, playbook.name,
                         id.str(), kind->name, fmt::join(kinds, " or a "));
  }
  const auto asks_container = [&](const CheckSpec& spec) {
    return spec.check.kind == Check::Kind::kContainer && spec.of_target.text().empty();
  };
  const bool is_asked =
      std::any_of(playbook.before.begin(), playbook.before.end(), asks_container) ||
      (playbook.verify && std::any_of(playbook.verify->checks.begin(), playbook.verify->checks.end(), asks_container));
  if (!is_asked || id.kind == "container") return "";
  return fmt::format("playbook {} checks a container, but {} is not one", playbook.name, id.str());
}

/// What can be told of a target that the route names itself.
void check_route_target(const HealConfig& config, const Route& route, const Playbook& playbook, const Sources& sources,
                        Diagnostics& diagnostics) {
  if (!route.target.is_literal()) return;
  const auto id = TargetId::parse(route.target.text());
  if (!id) return;  // reported when the route was read
  if (auto reason = absence(config, *id); !reason.empty()) {
    std::vector<std::string> known;
    for (const auto& target : config.inventory.targets)
      known.push_back(target.id.str());
    const auto close = closest_match(id->str(), known);
    sources.report(diagnostics, Severity::kError, route.target_span, std::move(reason),
                   close ? fmt::format("did you mean \"{}\"?", *close) : "");
  }
  if (auto reason = misfit(playbook, *id); !reason.empty())
    sources.report(diagnostics, Severity::kError, route.target_span, std::move(reason));
}

void check_routes(const HealConfig& config, const Playbooks& playbooks, const Sources& sources,
                  Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const auto& [name, ignored] : playbooks)
    names.push_back(name);
  for (const auto& route : config.routes) {
    const auto found = playbooks.find(route.playbook);
    if (found != playbooks.end()) {
      check_route_params(route, found->second, sources, diagnostics);
      check_route_target(config, route, found->second, sources, diagnostics);
      continue;
    }
    sources.report(diagnostics, Severity::kError, route.playbook_span,
                   fmt::format("there is no playbook \"{}\"", route.playbook),
                   names.empty() ? "no playbooks were found" : config::suggestion(route.playbook, names));
  }
}

void check_schedule(const HealConfig& config, const Schedule& schedule, const Playbooks& playbooks,
                    const Sources& sources, Diagnostics& diagnostics) {
  const auto report = [&](const SourceSpan& span, const std::string& message, const std::string& hint = {}) {
    sources.report(diagnostics, Severity::kError, span, fmt::format("schedule {}: {}", schedule.name, message), hint);
  };
  if (schedule.check.check.kind == Check::Kind::kPromql && !config.prometheus)
    report(schedule.check.span, "it asks Prometheus, but heal.yml has no \"prometheus\"");
  std::vector<std::string> names;
  for (const auto& [name, ignored] : playbooks)
    names.push_back(name);
  const auto found = playbooks.find(schedule.playbook);
  if (found == playbooks.end())
    return report(schedule.playbook_span, fmt::format("there is no playbook \"{}\"", schedule.playbook),
                  config::suggestion(schedule.playbook, names));
  const Params given(schedule.params.begin(), schedule.params.end());
  if (const auto bound = bind_params(found->second.params, given); !bound)
    report(schedule.span, bound.error().message());
}

/// Every step of a playbook: its own, what undoes them, and those of on_resolved.
std::vector<const StepSpec*> all_steps(const Playbook& playbook) {
  std::vector<const StepSpec*> out;
  const auto add = [&](const std::vector<StepSpec>& steps) {
    for (const auto& step : steps) {
      out.push_back(&step);
      for (const auto& undo : step.undo)
        out.push_back(&undo);
    }
  };
  add(playbook.steps);
  if (playbook.on_resolved) add(playbook.on_resolved->steps);
  return out;
}

/// The first check of `kind` in a playbook; nullptr when there is none.
const CheckSpec* find_check(const Playbook& playbook, Check::Kind kind) {
  const auto is_it = [kind](const CheckSpec& spec) { return spec.check.kind == kind; };
  const auto find_in = [&](const std::vector<CheckSpec>& checks) {
    const auto found = std::find_if(checks.begin(), checks.end(), is_it);
    return found == checks.end() ? nullptr : &*found;
  };
  if (const auto* found = find_in(playbook.before)) return found;
  for (const StepSpec* step : all_steps(playbook)) {
    if (step->wait_for && is_it(*step->wait_for)) return &*step->wait_for;
  }
  if (playbook.on_resolved) {
    if (const auto* found = find_in(playbook.on_resolved->checks)) return found;
  }
  return playbook.verify ? find_in(playbook.verify->checks) : nullptr;
}

Status check_listed(const std::vector<std::string>& list, const Template& text, const char* key) {
  if (!text.is_literal() || std::find(list.begin(), list.end(), text.text()) != list.end()) return {};
  return make_error(ErrorCode::kRefused, "{} is not under {} in heal.yml", text.text(), key);
}

/// What a step needs from heal.yml, as far as it can be told before places are filled in.
Status check_step(const HealConfig& config, const StepSpec& step) {
  const auto text = [&](const char* name) { return std::get<Template>(step.arguments.at(name)); };
  const auto program = [&] { return std::get<std::vector<Template>>(step.arguments.at("argv"))[0]; };
  const AllowLists& allow = config.allow;
  if (step.kind == "command") return check_listed(allow.commands, program(), "allow.commands");
  if (step.kind == "docker.exec") return check_listed(allow.exec, program(), "allow.exec");
  if (step.kind == "ansible.playbook") return check_listed(allow.ansible, text("playbook"), "allow.ansible");
  if (step.kind == "haproxy.server") return check_listed(allow.haproxy, text("socket"), "allow.haproxy");
  if (step.kind == "host.drop_caches") return check_listed(allow.host, Template::literal("drop_caches"), "allow.host");
  if (step.kind == "notify.email" && !config.notify.email)
    return make_error(ErrorCode::kRefused, "heal.yml says nothing under notify.email");
  if (step.kind == "notify.webhook") {
    std::vector<std::string> names;
    for (const auto& [name, webhook] : config.notify.webhooks)
      names.push_back(name);
    return check_listed(names, text("to"), "notify.webhooks");
  }
  if (step.kind == "http.request" && text("url").is_literal()) return check_host_allowed(allow, text("url").text());
  return {};
}

/// Samples from before the last step prove nothing.
void check_reach(const Playbook& playbook, const Sources& sources, Diagnostics& diagnostics) {
  if (!playbook.verify) return;
  for (const CheckSpec& spec : playbook.verify->checks) {
    if (spec.check.kind != Check::Kind::kPromql || !spec.address.is_literal()) continue;
    const auto reads = promql_reads(spec.address.text());
    if (!reads) {
      sources.report(diagnostics, Severity::kWarning, spec.span,
                     fmt::format("this can never be verified: {}", reads.error().message()));
    } else if (reads->looks_back >= playbook.verify->within) {
      sources.report(
          diagnostics, Severity::kWarning, spec.span,
          fmt::format("this can never be verified: the query looks back {}, and must not see what was before "
                      "the last step, but verification ends after {}",
                      format_duration(reads->looks_back), format_duration(playbook.verify->within)),
          "a shorter range, or a longer \"within\"");
    }
  }
}

void check_playbook(const HealConfig& config, const Playbook& playbook, const Sources& sources,
                    Diagnostics& diagnostics) {
  for (const StepSpec* step : all_steps(playbook)) {
    if (const auto allowed = check_step(config, *step); !allowed)
      sources.report(diagnostics, Severity::kError, step->span, allowed.error().message());
  }
  const auto* promql = find_check(playbook, Check::Kind::kPromql);
  if (!config.prometheus && promql != nullptr)
    sources.report(diagnostics, Severity::kError, promql->span,
                   fmt::format("playbook {} asks Prometheus, but heal.yml has no \"prometheus\"", playbook.name),
                   "for example: prometheus: {url: \"http://prometheus:9090\"}");
  check_reach(playbook, sources, diagnostics);
  const auto* alert = find_check(playbook, Check::Kind::kAlert);
  if (config.alertmanagers.empty() && alert != nullptr)
    sources.report(diagnostics, Severity::kError, alert->span,
                   fmt::format("playbook {} asks Alertmanager, but heal.yml has no \"alertmanagers\"", playbook.name),
                   "for example: alertmanagers: [{url: \"http://alertmanager:9093\"}]");
  const auto& evidence = playbook.guards.fresh_evidence;
  const bool pages = !playbook.escalate.empty() && playbook.escalate.back() == kPageRung;
  if (pages && config.alertmanagers.empty())
    sources.report(diagnostics, Severity::kError, playbook.name_span,
                   fmt::format("playbook {} calls a human through Alertmanager, but heal.yml has no \"alertmanagers\"",
                               playbook.name),
                   "for example: alertmanagers: [{url: \"http://alertmanager:9093\"}]");
  const bool cannot_ask = evidence.state == GuardSwitch::kOn && evidence.on_error == OnError::kBlock;
  if (config.alertmanagers.empty() && cannot_ask)
    sources.report(diagnostics, Severity::kWarning, playbook.name_span,
                   "guard fresh_evidence asks Alertmanager, but heal.yml has no \"alertmanagers\": no alert's heal "
                   "will be allowed",
                   "give \"alertmanagers\", or switch the guard off");
}

/// Whether every rung of the ladder can be climbed with what the first playbook is given.
void check_ladder(const Playbook& playbook, const Playbooks& playbooks, const Sources& sources,
                  Diagnostics& diagnostics) {
  std::vector<std::string> names{std::string(kPageRung)};
  for (const auto& [name, ignored] : playbooks)
    names.push_back(name);
  const auto report = [&](const std::string& message, const std::string& hint = {}) {
    sources.report(diagnostics, Severity::kError, playbook.name_span, message, hint);
  };
  for (const auto& rung : playbook.escalate) {
    if (rung == kPageRung) continue;
    const auto found = playbooks.find(rung);
    if (found == playbooks.end()) {
      report(fmt::format("playbook {} escalates to \"{}\", which is no playbook", playbook.name, rung),
             config::suggestion(rung, names));
      continue;
    }
    for (const auto& spec : found->second.params) {
      const bool is_given = std::any_of(playbook.params.begin(), playbook.params.end(),
                                        [&](const ParamSpec& own) { return own.name == spec.name; });
      if (!is_given && !spec.default_value)
        report(
            fmt::format("playbook {} escalates to {}, which needs the param \"{}\"", playbook.name, rung, spec.name));
    }
  }
}

/// What goes to heal-webhook by Alertmanager's routes often goes to nobody else: what a playbook cannot mend would be
/// known to nobody.
void check_paging(const HealConfig& config, const Playbook& playbook, const Sources& sources,
                  Diagnostics& diagnostics) {
  const auto begins_it = [&](const auto& source) { return source.playbook == playbook.name; };
  const bool is_first = std::any_of(config.routes.begin(), config.routes.end(), begins_it) ||
                        std::any_of(config.schedules.begin(), config.schedules.end(), begins_it);
  const bool pages = !playbook.escalate.empty() && playbook.escalate.back() == kPageRung;
  if (!is_first || playbook.mode != Mode::kAuto || pages || config.alertmanagers.empty()) return;
  sources.report(diagnostics, Severity::kWarning, playbook.name_span,
                 fmt::format("playbook {} acts by itself and never calls a human when it fails", playbook.name),
                 playbook.escalate.empty() ? "escalate: [page]" : "end its \"escalate\" with page");
}

void check_together(const HealConfig& config, const Playbooks& playbooks, const Sources& sources,
                    Diagnostics& diagnostics) {
  for (const auto& [name, playbook] : playbooks)
    check_playbook(config, playbook, sources, diagnostics);
  for (const auto& [name, playbook] : playbooks)
    check_ladder(playbook, playbooks, sources, diagnostics);
  // With a playbook missing because it is broken, complaints about its absence would only hide the cause.
  if (diagnostics.has_errors()) return;
  check_routes(config, playbooks, sources, diagnostics);
  for (const auto& [name, playbook] : playbooks)
    check_paging(config, playbook, sources, diagnostics);
  for (const auto& schedule : config.schedules)
    check_schedule(config, schedule, playbooks, sources, diagnostics);
}

/// Whether the service could read what heal.yml names. Never says what is in the files.
void check_named_files(const HealConfig& config, NamedFiles named_files, const Sources& sources,
                       Diagnostics& diagnostics) {
  constexpr std::size_t kLargest = 4 << 20;
  const auto severity = named_files == NamedFiles::kMustBeHere ? Severity::kError : Severity::kWarning;
  for (const auto& file : config.named_files) {
    const auto folder = config::folder_of(config.file);
    const bool is_secret = file.content == NamedFile::Content::kSecret;
    const auto text = is_secret ? config::load_secret({"", file.name}, folder)
                                : config::read_text_file(config::resolve_path(file.name, folder), kLargest);
    if (!text)
      sources.report(diagnostics, severity, file.span, fmt::format("\"{}\": {}", file.key, text.error().message()));
    if (text && text->empty())
      sources.report(diagnostics, severity, file.span,
                     fmt::format("\"{}\": {}: is empty (expected certificates)", file.key, file.name));
  }
}

std::vector<std::string> playbook_files(const HealConfig& config, const Sources& sources, Diagnostics& diagnostics) {
  const auto files = config::expand_paths(config.playbooks, config::folder_of(config.file));
  if (files) return *files;
  const auto span = config.playbooks_span.file.empty() ? SourceSpan{config.file, 0, 0} : config.playbooks_span;
  sources.report(diagnostics, Severity::kError, span, fmt::format("\"playbooks\": {}", files.error().message()));
  return {};
}

/// A playbook file says `playbook:` at its top; reading errors are left for the real reader.
bool looks_like_playbook(const std::string& text) {
  Diagnostics ignored;
  const Source source("", text);
  const auto root = config::parse_yaml(source, ignored);
  const auto has = [&](const char* key) {
    return root && std::any_of(root->entries.begin(), root->entries.end(),
                               [&](const config::MapEntry& entry) { return entry.key == key; });
  };
  return has("playbook") || has("steps") || !root;
}

/// The files that `paths` name; reports a path that names none, so that a mistyped one does not pass as "no mistakes".
std::vector<std::string> files_of(const std::vector<std::string>& paths, Diagnostics& diagnostics) {
  std::vector<std::string> out;
  for (const auto& path : paths) {
    const auto found = config::expand_paths({path}, "");
    if (!found) {
      diagnostics.error({}, found.error().message());
      continue;
    }
    if (found->empty())
      diagnostics.error({}, fmt::format("{}: no file to check there (expected *.yml or *.yaml)", path));
    for (const auto& file : *found) {
      if (std::find(out.begin(), out.end(), file) == out.end()) out.push_back(file);
    }
  }
  return out;
}

}  // namespace

const Playbook* Bundle::find_playbook(std::string_view name) const {
  const auto found = playbooks.find(name);
  return found == playbooks.end() ? nullptr : &found->second;
}

LoadResult load(const std::string& heal_yml, NamedFiles named_files) {
  LoadResult out;
  Sources sources;
  out.files.push_back(heal_yml);
  const std::string* text = sources.read(heal_yml, out.diagnostics);
  if (text == nullptr) return out;
  auto config = parse_heal_config(*text, heal_yml, out.diagnostics);
  if (!config) return out;
  check_named_files(*config, named_files, sources, out.diagnostics);
  const auto files = playbook_files(*config, sources, out.diagnostics);
  out.files.insert(out.files.end(), files.begin(), files.end());
  Playbooks playbooks;
  read_playbooks(files, config->guards, sources, playbooks, out.diagnostics);
  check_together(*config, playbooks, sources, out.diagnostics);
  if (!out.diagnostics.has_errors()) out.bundle = Bundle{std::move(*config), std::move(playbooks), sources.digest()};
  return out;
}

Diagnostics check_files(const std::vector<std::string>& paths) {
  Diagnostics out;
  for (const auto& file : files_of(paths, out)) {
    Sources sources;
    const std::string* text = sources.read(file, out);
    if (text == nullptr) continue;
    if (looks_like_playbook(*text)) {
      parse_playbook(*text, file, GuardSettings(), out);
    } else {
      out.append(load(file, NamedFiles::kMayBeElsewhere).diagnostics);
    }
  }
  return out;
}

}  // namespace heal::playbook
