#include "common/playbook/bundle.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/config/file.h"
#include "common/playbook/expansion.h"

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
      diagnostics.error({file, 0, 0}, fmt::format("there is another playbook named \"{}\" in {}", playbook->name,
                                                  found->second.file));
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
      sources.report(diagnostics, Severity::kError, route.span,
                     fmt::format("param \"{}\" does not fit: {}", spec.name, checked.error().message()));
  }
  for (const auto& [name, ignored] : route.params) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    sources.report(diagnostics, Severity::kError, route.span,
                   fmt::format("playbook {} has no param \"{}\"", playbook.name, name),
                   config::suggestion(name, names));
  }
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
      continue;
    }
    sources.report(diagnostics, Severity::kError, route.playbook_span,
                   fmt::format("there is no playbook \"{}\"", route.playbook),
                   names.empty() ? "no playbooks were found" : config::suggestion(route.playbook, names));
  }
}

bool asks(const Playbook& playbook, Check::Kind kind) {
  const auto is_it = [kind](const CheckSpec& spec) { return spec.check.kind == kind; };
  return std::any_of(playbook.before.begin(), playbook.before.end(), is_it) ||
         (playbook.verify && std::any_of(playbook.verify->checks.begin(), playbook.verify->checks.end(), is_it)) ||
         std::any_of(playbook.steps.begin(), playbook.steps.end(),
                     [&](const StepSpec& step) { return step.wait_for && is_it(*step.wait_for); });
}

/// What a step needs from heal.yml, as far as it can be told before places are filled in.
Status check_step(const HealConfig& config, const StepSpec& step) {
  if (step.kind == "command") {
    const auto& argv = std::get<std::vector<Template>>(step.arguments.at("argv"));
    const auto& allowed = config.allow.commands;
    if (std::find(allowed.begin(), allowed.end(), argv[0].text()) == allowed.end())
      return make_error(ErrorCode::kRefused, "{} is not under allow.commands in heal.yml", argv[0].text());
  }
  if (step.kind == "http.request") {
    const auto& url = std::get<Template>(step.arguments.at("url"));
    if (url.is_literal()) return check_host_allowed(config.allow, url.text());
  }
  return {};
}

void check_playbook(const HealConfig& config, const Playbook& playbook, const Sources& sources,
                    Diagnostics& diagnostics) {
  for (const auto& step : playbook.steps) {
    if (const auto allowed = check_step(config, step); !allowed)
      sources.report(diagnostics, Severity::kError, step.span, allowed.error().message());
  }
  const SourceSpan file{playbook.file, 0, 0};
  if (!config.prometheus && asks(playbook, Check::Kind::kPromql))
    diagnostics.error(file,
                      fmt::format("playbook {} asks Prometheus, but heal.yml has no \"prometheus\"", playbook.name));
  if (config.alertmanagers.empty() && asks(playbook, Check::Kind::kAlert))
    diagnostics.error(
        file, fmt::format("playbook {} asks Alertmanager, but heal.yml has no \"alertmanagers\"", playbook.name));
  const auto& evidence = playbook.guards.fresh_evidence;
  const bool cannot_ask = evidence.state == GuardSwitch::kOn && evidence.on_error == OnError::kBlock;
  if (config.alertmanagers.empty() && cannot_ask)
    diagnostics.add({Severity::kWarning,
                     file,
                     "guard fresh_evidence asks Alertmanager, but heal.yml has no \"alertmanagers\": no alert's heal "
                     "will be allowed",
                     "give \"alertmanagers\", or switch the guard off",
                     {}});
}

void check_together(const HealConfig& config, const Playbooks& playbooks, const Sources& sources,
                    Diagnostics& diagnostics) {
  for (const auto& [name, playbook] : playbooks)
    check_playbook(config, playbook, sources, diagnostics);
  // With a playbook missing because it is broken, complaints about its absence would only hide the cause.
  if (!diagnostics.has_errors()) check_routes(config, playbooks, sources, diagnostics);
}

std::vector<std::string> playbook_files(const HealConfig& config, Diagnostics& diagnostics) {
  const auto files = config::expand_paths(config.playbooks, config::folder_of(config.file));
  if (files) return *files;
  diagnostics.error({config.file, 0, 0}, fmt::format("\"playbooks\": {}", files.error().message()));
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

}  // namespace

const Playbook* Bundle::find_playbook(std::string_view name) const {
  const auto found = playbooks.find(name);
  return found == playbooks.end() ? nullptr : &found->second;
}

LoadResult load(const std::string& heal_yml) {
  LoadResult out;
  Sources sources;
  out.files.push_back(heal_yml);
  const std::string* text = sources.read(heal_yml, out.diagnostics);
  if (text == nullptr) return out;
  auto config = parse_heal_config(*text, heal_yml, out.diagnostics);
  if (!config) return out;
  const auto files = playbook_files(*config, out.diagnostics);
  out.files.insert(out.files.end(), files.begin(), files.end());
  Playbooks playbooks;
  read_playbooks(files, config->guards, sources, playbooks, out.diagnostics);
  check_together(*config, playbooks, sources, out.diagnostics);
  if (!out.diagnostics.has_errors()) out.bundle = Bundle{std::move(*config), std::move(playbooks)};
  return out;
}

Diagnostics check_files(const std::vector<std::string>& paths) {
  Diagnostics out;
  const auto files = config::expand_paths(paths, "");
  if (!files) {
    out.error({}, files.error().message());
    return out;
  }
  for (const auto& file : *files) {
    Sources sources;
    const std::string* text = sources.read(file, out);
    if (text == nullptr) continue;
    if (looks_like_playbook(*text)) {
      parse_playbook(*text, file, GuardSettings(), out);
    } else {
      out.append(load(file).diagnostics);
    }
  }
  return out;
}

}  // namespace heal::playbook
