#include "common/model/fault_lease.h"

#include <array>

namespace heal {
namespace {

constexpr std::array<std::string_view, 5> kLeaseStates{"intended", "applied", "reverting", "reverted", "revert_failed"};

}  // namespace

std::string_view to_string(FaultLease::State state) {
  return kLeaseStates[static_cast<std::size_t>(state)];
}

std::optional<FaultLease::State> parse_lease_state(std::string_view text) {
  for (std::size_t i = 0; i < kLeaseStates.size(); ++i) {
    if (kLeaseStates[i] == text) return static_cast<FaultLease::State>(i);
  }
  return std::nullopt;
}

}  // namespace heal
