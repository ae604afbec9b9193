#pragma once

#include <optional>
#include <string>

#include "common/config/yaml.h"
#include "common/probe/module_config.h"

namespace heal::probe {

/// What became of the text of a `modules:` map.
struct Read {
  std::optional<Modules> modules;
  std::string messages;
};

inline Read read(const std::string& text) {
  config::Diagnostics diagnostics;
  const config::Source source("blackbox.yml", text);
  const std::optional<config::Node> node = config::parse_yaml(source, diagnostics);
  Read out;
  if (node) out.modules = as_modules({*node, source, diagnostics, config::Dialect::kGoYaml, "the file"});
  out.messages = diagnostics.render();
  return out;
}

}  // namespace heal::probe
