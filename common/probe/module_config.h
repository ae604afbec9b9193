#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/config/decode.h"
#include "common/probe/module.h"

namespace heal::probe {

using Modules = std::map<std::string, std::shared_ptr<const Module>, std::less<>>;

/// Reads the `modules:` map of a blackbox.yml (read the file with Dialect::kGoYaml). What blackbox_exporter refuses is
/// refused; what it knows and this program does not is refused too, by name. Errors go where `value` reports them.
std::optional<Modules> as_modules(const config::Value& value);

/// One module, or all, as YAML with the values that are in force; secrets as `<secret>`.
std::string module_yaml(const Module& module, int indent = 0);
std::string modules_yaml(const Modules& modules);

/// `text` as one YAML scalar, quoted where it must be.
std::string yaml_scalar(std::string_view text);

}  // namespace heal::probe
