#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/config/diagnostics.h"

namespace heal::config {

/// What a node of a YAML file is.
enum class NodeKind { kNull, kScalar, kList, kMap };

struct MapEntry;

/// One node of a YAML file with its place. Aliases are replaced by copies of what they name, merge keys (`<<`) by the
/// entries that they bring; such copies keep the place of the original.
struct Node {
  NodeKind kind = NodeKind::kNull;
  std::string text;        ///< a scalar's value
  bool is_quoted = false;  ///< written in quotes, as a block (`|`, `>`) or with !!str: never a number or a boolean
  int line = 1;            ///< from 1
  std::size_t byte = 0;    ///< from 0, in the line
  std::vector<Node> items;
  std::vector<MapEntry> entries;  ///< in the file's order
};

/// One `key: value`.
struct MapEntry {
  std::string key;
  int line = 1;
  std::size_t byte = 0;
  Node value;
};

/// What a file may be at most. What is beyond is an error at the place where it is passed.
struct YamlLimits {
  std::size_t max_bytes = 4 << 20;            ///< of the file
  std::size_t max_depth = 64;                 ///< of nested lists and maps
  std::size_t max_nodes = 200'000;            ///< after aliases were replaced
  std::size_t max_expanded_bytes = 16 << 20;  ///< of all scalars, after aliases were replaced
};

/// The one document of `source`, read strictly: UTF-8 only, no duplicate keys, no second document, no tags but !!str,
/// keys are scalars. nullopt when there is an error, which is then in `diagnostics`. An empty file is a null node.
std::optional<Node> parse_yaml(const Source& source, Diagnostics& diagnostics, const YamlLimits& limits = {});

}  // namespace heal::config
