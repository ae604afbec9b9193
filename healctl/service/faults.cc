#include "healctl/service/faults.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/wire/incident_json.h"
#include "common/wire/json.h"

namespace heal::ctl {
namespace {

Tone tone_of_lease(FaultLease::State state) {
  switch (state) {
    case FaultLease::State::kIntended:
    case FaultLease::State::kApplied:
    case FaultLease::State::kReverting:
      return Tone::kWarning;
    case FaultLease::State::kReverted:
      return Tone::kGood;
    case FaultLease::State::kRevertFailed:
      break;
  }
  return Tone::kBad;
}

}  // namespace

Result<std::vector<FaultLease>> leases_in(const Json& answer, std::string_view request) {
  const auto parse = [&]() -> Result<std::vector<FaultLease>> {
    std::vector<FaultLease> leases;
    if (find_member(answer, "faults") == nullptr) {
      const auto* nested = find_member(answer, "fault");
      const bool is_nested = nested != nullptr && nested->is_object();
      HEAL_TRY(auto lease, lease_from_json(is_nested ? *nested : answer, is_nested ? "/fault" : ""));
      leases.push_back(std::move(lease));
      return leases;
    }
    HEAL_TRY(const auto* list, get_array(answer, "faults"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEAL_TRY(auto lease, lease_from_json((*list)[i], json_pointer("/faults", i)));
      leases.push_back(std::move(lease));
    }
    return leases;
  };
  auto leases = parse();
  if (!leases) return make_error(ErrorCode::kProtocol, "{}: {}", request, leases.error().message());
  return leases;
}

Exit report_reverted(Context& context, const Json& answer, std::string_view request) {
  const auto leases = leases_in(answer, request);
  if (!leases) return context.fail(leases.error(), Purpose::kChange);
  if (!context.wants_table()) {
    context.print_document(answer);
  } else if (leases->empty()) {
    context.say("no fault is active there");
  } else {
    context.print(table_of(*leases, context.clock().now()));
  }
  // One that is `reverting` is away already and only looked at once more.
  const bool all = std::all_of(leases->begin(), leases->end(), [](const auto& lease) {
    return lease.state == FaultLease::State::kReverted || lease.state == FaultLease::State::kReverting;
  });
  if (all) return Exit::kDone;
  context.complain("not all faults are undone", context.is_direct()
                                                    ? "the keeper goes on trying: \"healctl faults list --direct\""
                                                    : "the service goes on trying: \"healctl faults list\"");
  return Exit::kFailed;
}

Exit show_what_would_end(Context& context, const std::function<bool(const FaultLease&)>& chosen) {
  const auto answer = context.service().get("/faults");
  if (!answer) return context.fail(answer.error());
  auto leases = leases_in(*answer, "GET /faults");
  if (!leases) return context.fail(leases.error());
  std::erase_if(*leases,
                [&](const FaultLease& lease) { return lease.state == FaultLease::State::kReverted || !chosen(lease); });
  if (leases->empty()) {
    context.say("nothing would be ended");
  } else {
    context.print(table_of(*leases, context.clock().now()));
  }
  return Exit::kDone;
}

Table table_of(const std::vector<FaultLease>& leases, WallTime now) {
  using enum Column::Fit;
  Table table({{"ID", kKeep},
               {"FAULT", kKeep},
               {"TARGET", kCut},
               {"STATE", kKeep},
               {"SINCE", kKeep},
               {"UNTIL", kKeep},
               {"BY", kCut, Column::Align::kLeft, Column::Need::kIfRoom},
               {"ERROR", kCut, Column::Align::kLeft, Column::Need::kIfRoom}});
  for (const auto& lease : leases) {
    table.add({lease.id,
               lease.kind,
               lease.target.str(),
               {std::string(to_string(lease.state)), tone_of_lease(lease.state)},
               relative_time(lease.injected_at, now),
               relative_time(lease.deadline, now),
               lease.owner,
               lease.last_error});
  }
  return table;
}

}  // namespace heal::ctl
