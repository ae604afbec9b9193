#include "common/playbook/lint.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace heal::playbook {
namespace {

/// Labels that are others after each restart: every heal would begin another alert.
constexpr std::array<std::string_view, 6> kChanging{"container_id", "pid",       "id",
                                                    "started_at",   "timestamp", "exit_code"};

bool is_changing(std::string_view label) {
  return std::find(kChanging.begin(), kChanging.end(), label) != kChanging.end();
}

bool is_template(std::string_view text) {
  return text.find("{{") != std::string_view::npos;
}

bool reads_the_value(std::string_view text) {
  return is_template(text) &&
         (text.find("$value") != std::string_view::npos || text.find(".Value") != std::string_view::npos);
}

class Linting {
 public:
  Linting(const Bundle& bundle, const std::vector<AlertRule>& rules) : bundle_(bundle), rules_(rules) {}

  std::vector<Finding> run() && {
    find_unreached();
    find_shadowed();
    find_without_proof();
    for (const AlertRule& rule : rules_) {
      find_unstable(rule);
      find_unanswered(rule);
    }
    for (const Route& route : bundle_.config.routes)
      find_unset(route);
    std::stable_sort(found_.begin(), found_.end(), [](const Finding& a, const Finding& b) {
      return std::tie(a.span.file, a.span.line, a.span.column) < std::tie(b.span.file, b.span.line, b.span.column);
    });
    return std::move(found_);
  }

 private:
  void find(std::string rule, const SourceSpan& span, std::string message, std::string hint) {
    found_.push_back({std::move(rule), span, std::move(message), std::move(hint)});
  }

  void find_unreached() {
    std::set<std::string> reached;
    for (const Route& route : bundle_.config.routes)
      reached.insert(route.playbook);
    for (const Schedule& schedule : bundle_.config.schedules)
      reached.insert(schedule.playbook);
    // Only the ladder of the first playbook counts: rungs of rungs are not climbed.
    const std::set<std::string> begun = reached;
    for (const auto& name : begun) {
      const Playbook* book = bundle_.find_playbook(name);
      if (book != nullptr) reached.insert(book->escalate.begin(), book->escalate.end());
    }
    for (const auto& [name, book] : bundle_.playbooks) {
      if (reached.contains(name)) continue;
      find("unreached-playbook", book.name_span,
           fmt::format("no route, schedule or ladder leads to playbook {}: only people can run it", name),
           "give it a route in heal.yml, or remove it");
    }
  }

  /// Everything that `later` matches, `route` has matched before, whatever the time is.
  static bool hides(const Route& route, const Route& later) {
    if (route.next == Route::Next::kContinue || !route.windows.empty()) return false;
    return std::all_of(route.match.begin(), route.match.end(), [&](const Matcher& matcher) {
      return std::find(later.match.begin(), later.match.end(), matcher) != later.match.end();
    });
  }

  void find_shadowed() {
    const auto& routes = bundle_.config.routes;
    for (std::size_t i = 0; i < routes.size(); ++i) {
      const auto before = std::find_if(routes.begin(), routes.begin() + static_cast<std::ptrdiff_t>(i),
                                       [&](const Route& route) { return hides(route, routes[i]); });
      if (before == routes.begin() + static_cast<std::ptrdiff_t>(i)) continue;
      find("shadowed-route", routes[i].span,
           fmt::format("this route is never asked: whatever it matches, the route at {} has taken", before->span.str()),
           "put it first, or let that one continue");
    }
  }

  void find_without_proof() {
    for (const auto& [name, book] : bundle_.playbooks) {
      const bool changes = std::any_of(book.steps.begin(), book.steps.end(), [](const StepSpec& step) {
        const StepKind* kind = find_step_kind(step.kind);
        return kind != nullptr && kind->effect == Effect::kChanges;
      });
      if (book.verify || !changes) continue;
      find("missing-verify", book.name_span,
           fmt::format("playbook {} changes things and has no \"verify\": that it helped is never proved", name),
           "say what is true when it helped");
    }
  }

  void find_unstable(const AlertRule& rule) {
    for (const auto& [label, value] : rule.labels) {
      if (!reads_the_value(value)) continue;
      find("unstable-label", rule.label_spans.at(label),
           fmt::format("label \"{}\" of alert {} has the value in it: each evaluation is another alert, with another "
                       "fingerprint, and what was decided on the one before does not hold for it",
                       label, rule.name),
           "put it into an annotation");
    }
    const auto note = [&](const std::string& label, const SourceSpan& span) {
      if (!is_changing(label)) return;
      find(
          "changing-label", span,
          fmt::format("label \"{}\" of alert {} is another one after a restart: a heal ends the alert and begins a new "
                      "one",
                      label, rule.name),
          "leave it out of the alert's labels");
    };
    for (const auto& [label, value] : rule.labels) {
      if (is_template(value)) note(label, rule.label_spans.at(label));
    }
    if (!rule.series_labels) return;
    for (const auto& label : *rule.series_labels)
      note(label, rule.span);
  }

  /// Whether an alert of `rule` may match: only what is known of its labels speaks against it.
  static bool may_match(const Route& route, const AlertRule& rule) {
    Labels known = rule.labels;
    known["alertname"] = rule.name;
    return std::all_of(route.match.begin(), route.match.end(), [&](const Matcher& matcher) {
      const auto found = known.find(matcher.name());
      if (found != known.end() && is_template(found->second)) return true;
      if (found == known.end() && rule.may_set(matcher.name())) return true;
      return matcher.matches(known);
    });
  }

  void find_unanswered(const AlertRule& rule) {
    const bool is_ours = rule.name.starts_with("Heal") || rule.name == "Watchdog" || rule.name == "InfoInhibitor";
    if (is_ours || rule.is_for_people) return;
    const auto& routes = bundle_.config.routes;
    if (std::any_of(routes.begin(), routes.end(), [&](const Route& route) { return may_match(route, rule); })) return;
    find("unanswered-alert", rule.span, fmt::format("no route takes alert {}: nothing is healed by it", rule.name),
         "give it a route, or end its line with \"# not healed\" when it is for people");
  }

  /// Whether a route before `route` takes every alert of `rule`, whatever the time is.
  bool is_taken_before(const Route& route, const AlertRule& rule) const {
    Labels known = rule.labels;
    known["alertname"] = rule.name;
    const auto holds = [&](const Matcher& matcher) {
      const auto found = known.find(matcher.name());
      if (found == known.end() && rule.may_set(matcher.name())) return false;
      if (found != known.end() && is_template(found->second)) return false;
      return matcher.matches(known);
    };
    for (const Route& before : bundle_.config.routes) {
      if (&before == &route) return false;
      if (before.next == Route::Next::kContinue || !before.windows.empty()) continue;
      if (std::all_of(before.match.begin(), before.match.end(), holds)) return true;
    }
    return false;
  }

  void find_unset(const Route& route) {
    std::vector<std::pair<std::string, SourceSpan>> wanted;
    for (const auto& reference : route.target.references())
      wanted.emplace_back(reference.path, route.target_span);
    for (const auto& [name, text] : route.params) {
      for (const auto& reference : text.references())
        wanted.emplace_back(reference.path, route.param_spans.at(name));
    }
    constexpr std::string_view kLabels = "labels.";
    for (const auto& [path, span] : wanted) {
      if (!path.starts_with(kLabels)) continue;
      const std::string label = path.substr(kLabels.size());
      for (const AlertRule& rule : rules_) {
        if (!may_match(route, rule) || is_taken_before(route, rule) || rule.may_set(label)) continue;
        find("label-not-set", span,
             fmt::format("alert {} ({}) takes this route and has no label \"{}\": no target can be made of it",
                         rule.name, rule.span.str(), label),
             fmt::format("add \"{}\" to the rule's labels or to its \"by\"", label));
      }
    }
  }

  const Bundle& bundle_;
  const std::vector<AlertRule>& rules_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<std::string> lint_rules() {
  return {"check",          "unreached-playbook", "shadowed-route", "missing-verify",
          "unstable-label", "changing-label",     "label-not-set",  "unanswered-alert"};
}

std::vector<Finding> lint(const Bundle& bundle, const std::vector<AlertRule>& rules) {
  return Linting(bundle, rules).run();
}

}  // namespace heal::playbook
