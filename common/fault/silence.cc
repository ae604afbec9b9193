#include <algorithm>
#include <memory>
#include <utility>

#include "common/fault/broken_run.h"
#include "common/fault/kinds.h"

namespace heal::fault {
namespace {

using Type = ParamSpec::Type;

std::string comment_of(const Recipe& recipe) {
  return "promheal fault " + recipe.lease;
}

Result<AlertmanagerApi*> api_of(const Site& site) {
  if (site.alertmanager != nullptr) return site.alertmanager;
  return make_error(ErrorCode::kRefused, "fault silence needs an Alertmanager: heal.yml names none");
}

/// Those of this fault that are in force, or will be.
Result<std::vector<Silence>> ours(const Recipe& recipe, const Site& site) {
  HEAL_TRY(AlertmanagerApi * api, api_of(site));
  HEAL_TRY(auto silences, api->silences(site.deadline, site.stop).with_context("Alertmanager"));
  std::erase_if(silences, [&](const Silence& each) { return each.comment != comment_of(recipe); });
  return silences;
}

/// Alertmanager ends it by itself: its time is in the silence.
class SilenceFault : public Fault {
 public:
  std::string_view kind() const override { return "silence"; }
  std::string_view summary() const override { return "Alertmanager tells nobody of its alerts"; }
  const std::vector<ParamSpec>& params() const override {
    static const std::vector<ParamSpec> kParams{{"match",
                                                 "the alerts' labels, as Alertmanager has matchers, "
                                                 "container=\"NAME\" among them; when not given that alone",
                                                 Type::kText,
                                                 "",
                                                 0,
                                                 0,
                                                 {},
                                                 false}};
    return kParams;
  }
  Status check_params(const Params& params) const override {
    if (params.count("match") == 0) return {};
    const auto matchers = Matcher::parse_list(params.at("match"));
    if (!matchers) return make_error(ErrorCode::kInvalid, "fault silence: match: {}", matchers.error().message());
    return {};
  }
  Status check(const ContainerInfo& /*before*/) const override { return {}; }
  bool needs_mark() const override { return false; }
  Status resolve(const ContainerInfo& before, Recipe& recipe, const Site& site) const override {
    HEAL_TRY(AlertmanagerApi * api, api_of(site));
    HEAL_TRY(const Matcher its_own, Matcher::create("container", Matcher::Op::kEqual, before.name));
    const std::string& match = recipe.params.try_emplace("match", its_own.str()).first->second;
    HEAL_TRY(const auto matchers, Matcher::parse_list(match));
    // All others' alerts must go on being told: only this container has agreed to be broken.
    if (std::find(matchers.begin(), matchers.end(), its_own) == matchers.end()) {
      return make_error(ErrorCode::kInvalid, "fault silence: match: expected {} among the labels", its_own.str());
    }
    return api->ready(site.deadline, site.stop).with_context("Alertmanager");
  }
  Status inject(const ContainerInfo& /*before*/, const Recipe& recipe, const Site& site) const override {
    HEAL_TRY(AlertmanagerApi * api, api_of(site));
    Silence silence;
    HEAL_TRY(silence.matchers, Matcher::parse_list(text_of(recipe.params, "match")));
    silence.starts_at = site.clock.now();
    silence.ends_at = silence.starts_at + site.left;
    silence.created_by = "promheal";
    silence.comment = comment_of(recipe);
    HEAL_TRY_STATUS(api->silence(silence, site.deadline, site.stop).with_context("Alertmanager"));
    return {};
  }
  Status undo(const Recipe& recipe, const Site& site) const override {
    HEAL_TRY(AlertmanagerApi * api, api_of(site));
    HEAL_TRY(const auto silences, ours(recipe, site));
    for (const Silence& silence : silences)
      HEAL_TRY_STATUS(api->expire_silence(silence.id, site.deadline, site.stop).with_context("Alertmanager"));
    return {};
  }
  Status verify_undone(const Recipe& recipe, const Site& site) const override {
    HEAL_TRY(const auto silences, ours(recipe, site));
    if (silences.empty()) return {};
    return make_error(ErrorCode::kConflict, "Alertmanager still has the silence {}", silences.front().id);
  }
};

}  // namespace

std::unique_ptr<const Fault> make_silence() {
  return std::make_unique<SilenceFault>();
}

}  // namespace heal::fault
