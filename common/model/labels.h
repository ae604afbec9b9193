#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace heal {

/// Label name → value, ordered by name. UTF-8 text.
using Labels = std::map<std::string, std::string, std::less<>>;

/// The value of `name`, or "" when there is none: to Prometheus an absent label and an empty one are the same.
std::string_view label_value(const Labels& labels, std::string_view name);

/// True for `[a-zA-Z_][a-zA-Z0-9_]*`, the names that every Prometheus accepts.
bool is_label_name(std::string_view name);

/// `{a="1", b="x\"y"}`, for people.
std::string format_labels(const Labels& labels);

/// Identity of a label set as Alertmanager computes it (FNV-1a 64 over name 0xFF value 0xFF in order of name), 16 hex
/// digits. Source: prometheus/common model.LabelSet.Fingerprint.
std::string fingerprint_of(const Labels& labels);

}  // namespace heal
