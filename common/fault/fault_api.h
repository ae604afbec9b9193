#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/fault/lease_keeper.h"
#include "common/wire/json.h"

namespace heal::fault {

/// What `/api/v1/faults` means, whoever serves it: bodies in, bodies out. Thread-safe.
class FaultApi {
 public:
  /// The name of who asks, from what the request claims in `by`.
  using Asker = std::function<std::string(const std::string& claimed)>;

  /// `leases` must outlive this.
  explicit FaultApi(LeaseKeeper& leases) : leases_(leases) {}

  /// GET faults → `{"faults": […]}`.
  Json list() const;
  struct Injected {
    int status;  ///< 201; 200 for a dry run
    Json body;
  };
  /// POST faults {target, fault, with, for, by, dry_run, ignore_blast_radius, yes_really, page} → `{"fault": {…}}`, or
  /// `{"dry_run": true, "allowed": true}`.
  Result<Injected> inject(std::string_view body, const Asker& asker) const;
  /// POST faults/revert {target | id | all, by} → `{"faults": […]}`: those that it undid.
  Result<Json> revert(std::string_view body) const;
  /// DELETE faults/ID → `{"fault": {…}}`.
  Result<Json> revert_one(const std::string& id) const;

 private:
  LeaseKeeper& leases_;
};

}  // namespace heal::fault
