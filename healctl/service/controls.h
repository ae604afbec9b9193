#pragma once

#include "common/wire/json_fwd.h"
#include "healctl/context.h"
#include "healctl/output/table.h"

namespace heal::ctl {

/// The pauses in an answer's `pauses`, as a table; fields that are not there are empty.
Table pauses_table(const Json& answer, WallTime now);
/// The breakers in an answer's `breakers`.
Table breakers_table(const Json& answer, WallTime now);
/// The pause of that name among an answer's `pauses`; nullptr when there is none.
const Json* pause_of(const Json& answer, std::string_view name);
/// How many items the list `name` of an answer has; 0 when it has none.
std::size_t count_in(const Json& answer, std::string_view name);

}  // namespace heal::ctl
