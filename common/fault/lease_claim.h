#pragma once

#include <optional>
#include <string>
#include <utility>

#include "common/fault/lease_keeper.h"

namespace heal::fault {

/// The right to work on one lease, on a copy; what became of it is put back by save(). Ends with this.
class LeaseKeeper::Claim {
 public:
  /// Waits while another thread works on it. Empty when there is no such lease.
  Claim(LeaseKeeper& keeper, const std::string& id);
  /// Of those that are due by then and that nobody works on, the one that is due first. Empty when there is none.
  Claim(LeaseKeeper& keeper, SteadyTime due_by);
  /// Takes over what reserve() gave, which nobody else can have claimed.
  Claim(LeaseKeeper& keeper, Held reserved) : held(std::move(reserved)), keeper_(keeper) {}
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  std::optional<Held> held;

 private:
  void take(Held& kept);

  LeaseKeeper& keeper_;
};

}  // namespace heal::fault
