#pragma once

#include <map>
#include <string>

#include "healctl/cli/spec.h"
#include "healctl/context.h"

namespace heal::ctl {

/// Who asks, for the service's journal: the service's user, or else the user of this machine. A service with
/// authentication records whom it has authenticated instead.
std::string asker(const Context& context);

/// `NAME=VALUE` into a map; a name given twice is an Error.
Setter into_pairs(std::map<std::string, std::string>& target);
/// A target as TargetId has it.
Setter into_target(std::string& target);
/// An http or https URL to which paths are added, see base_url().
Setter into_url(std::string& url);

}  // namespace heal::ctl
