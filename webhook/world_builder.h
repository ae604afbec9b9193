#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/port/store.h"
#include "common/remedy/world.h"
#include "webhook/ports.h"

namespace heal::webhook {

/// Reads heal.yml and its playbooks and connects to what they name (connections are made when they are used). kInvalid
/// with the first mistake.
Result<std::shared_ptr<remedy::World>> build_world(const std::string& config_file, const Ports& ports);

/// Since when the files of `digest` (of the Bundle) have been in force without others between, also over reloads and
/// restarts. The store remembers it; with one that cannot be asked it is `now`.
WallTime in_force_since(Store& store, const std::string& digest, WallTime now);

}  // namespace heal::webhook
