#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/system/sqlite.h"

namespace heal::sqlite {

/// The steps that lead from an empty file to the present schema: step n takes version n to version n+1. A step that has
/// been released is never changed; a new version appends one.
const std::vector<std::string_view>& schema_steps();

/// Brings the file to version `steps.size()` in one transaction and stamps it. Errors: kConflict for a file of a newer
/// version, kStorage.
Status migrate(Connection& connection, const std::vector<std::string_view>& steps);

/// kStorage when the file is not one of ours (another program's database, or damaged beyond its first page).
Status check_identity(Connection& connection);

}  // namespace heal::sqlite
