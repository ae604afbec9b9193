#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/remedy/world.h"
#include "webhook/ports.h"

namespace heal::webhook {

/// Reads heal.yml and its playbooks and connects to what they name (connections are made when they are used). kInvalid
/// with the first mistake; `report` gets all of them as text for people.
Result<std::shared_ptr<const remedy::World>> build_world(const std::string& config_file, const Ports& ports,
                                                         std::string* report = nullptr);

}  // namespace heal::webhook
