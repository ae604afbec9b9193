#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/fault_lease.h"
#include "common/wire/json_fwd.h"
#include "healctl/context.h"
#include "healctl/output/table.h"

namespace heal::ctl {

/// The leases in an answer: `{"faults": […]}`, `{"fault": {…}}`, or one lease itself; kProtocol, naming `request`, when
/// there are none of these.
Result<std::vector<FaultLease>> leases_in(const Json& answer, std::string_view request);

/// Shows what became of the faults that were to be undone: kDone when all are, kFailed when one is not.
Exit report_reverted(Context& context, const Json& answer, std::string_view request);

/// Shows the faults that are active and `chosen`; changes nothing.
Exit show_what_would_end(Context& context, const std::function<bool(const FaultLease&)>& chosen);

Table table_of(const std::vector<FaultLease>& leases, WallTime now);

}  // namespace heal::ctl
