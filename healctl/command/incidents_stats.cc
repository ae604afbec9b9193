#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "common/wire/json.h"
#include "healctl/command/command.h"

namespace heal::ctl {
namespace {

std::string count_of(const Json& group, std::string_view name) {
  return std::to_string(get_int(group, name).value_or(0));
}

/// "1.2s / 4s": half and 95 of 100 took no longer.
std::string spread_of(const Json& group, std::string_view name) {
  const Json* spread = find_member(group, name);
  if (spread == nullptr) return "";
  const auto text = [&](std::string_view part) {
    const auto seconds = get_double(*spread, part);
    return seconds
               ? format_duration_short(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*seconds)))
               : std::string("?");
  };
  return text("p50") + " / " + text("p95");
}

/// "cooldown 3, silenced 1", the most frequent first.
std::string refusals_of(const Json& group) {
  const Json* refused = find_member(group, "refused");
  if (refused == nullptr || !refused->is_object()) return "";
  std::vector<std::pair<std::int64_t, std::string>> reasons;
  for (const auto& [reason, count] : refused->items())
    reasons.emplace_back(-get_int(*refused, reason).value_or(0), reason);
  std::sort(reasons.begin(), reasons.end());
  std::string out;
  for (const auto& [count, reason] : reasons)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", reason, -count);
  return out;
}

class IncidentsStats final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"incidents", "stats"},
            .summary = "Count incidents: how many were healed, how fast, and why others were not.",
            .details =
                "Heals are incidents whose steps were begun; verified and failed ones are among them: what did not "
                "help, or not for long, has failed whoever ended it later. MTTD and MTTR are medians and 95th "
                "percentiles of those whose times are known; what has failed has no MTTR.",
            .options = {{.names = "--by",
                         .value = "WHAT",
                         .help = "what they are told apart by (default playbook)",
                         .choices = {"playbook", "target", "type", "name"},
                         .set = into(by_)},
                        {.names = "--window",
                         .value = "DURATION",
                         .help = "those detected in the last 24h, 30d … (default 7d)",
                         .set = into(window_)},
                        {.names = "--target", .value = "TARGET", .help = "only this target", .set = into(target_)},
                        {.names = "--playbook", .value = "NAME", .help = "only this playbook", .set = into(playbook_)}},
            .examples = {"healctl incidents stats", "healctl incidents stats --by target --window 30d"}};
  }

  Exit run(Context& context) override {
    const auto answer = context.service().get("/stats", {{"by", by_},
                                                         {"window", window_ ? format_duration(*window_) : ""},
                                                         {"playbook", playbook_},
                                                         {"target", target_}});
    if (!answer) return context.fail(answer.error());
    const auto groups = get_array(*answer, "stats");
    if (!groups) return context.fail(make_error(ErrorCode::kProtocol, "GET /stats: {}", groups.error().message()));
    if (!context.wants_table()) {
      context.print_document(*answer);
    } else if ((*groups)->empty()) {
      context.say("no incidents");
    } else {
      context.print(table_of(**groups));
    }
    if (get_bool(*answer, "truncated").value_or(false))
      context.say("there are more incidents than are counted at once: only the newest were");
    return Exit::kDone;
  }

 private:
  Table table_of(const Json& groups) const {
    using enum Column::Fit;
    using enum Column::Align;
    std::string title = by_;
    for (char& c : title)
      c = static_cast<char>(c - 'a' + 'A');
    Table table({{title, kCut},
                 {"INCIDENTS", kKeep, kRight},
                 {"HEALS", kKeep, kRight},
                 {"VERIFIED", kKeep, kRight},
                 {"FAILED", kKeep, kRight},
                 {"MTTD", kKeep, kRight},
                 {"MTTR", kKeep, kRight},
                 {"NOT BEGUN", kCut, kLeft, Column::Need::kIfRoom}});
    for (const Json& group : groups) {
      const bool has_failures = get_int(group, "failed").value_or(0) > 0;
      table.add({get_string(group, by_).value_or(""),
                 count_of(group, "incidents"),
                 count_of(group, "heals"),
                 count_of(group, "verified"),
                 {count_of(group, "failed"), has_failures ? Tone::kBad : Tone::kPlain},
                 spread_of(group, "mttd_seconds"),
                 spread_of(group, "mttr_seconds"),
                 refusals_of(group)});
    }
    return table;
  }

  std::string by_ = "playbook", target_, playbook_;
  std::optional<Duration> window_;
};

}  // namespace

std::unique_ptr<Command> make_incidents_stats() {
  return std::make_unique<IncidentsStats>();
}

}  // namespace heal::ctl
