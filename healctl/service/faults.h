#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/fault_lease.h"
#include "common/wire/json_fwd.h"
#include "healctl/context.h"
#include "healctl/output/table.h"

namespace heal::ctl {

/// The leases in an answer of the form {"faults": […]}; kProtocol, naming `request`, when they are not there.
Result<std::vector<FaultLease>> leases_in(const Json& answer, std::string_view request);
/// The lease in an answer of the form {"fault": {…}}.
Result<FaultLease> lease_in(const Json& answer, std::string_view request);

/// Shows what became of the faults that were to be undone: kDone when all are, kFailed when one is not.
Exit report_reverted(Context& context, const Json& answer, std::string_view request);

Table table_of(const std::vector<FaultLease>& leases, WallTime now);

}  // namespace heal::ctl
