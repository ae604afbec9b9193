#pragma once

#include <string>
#include <string_view>

#include "common/config/decode.h"

namespace heal::probe {

/// Writes block YAML, two spaces a level.
class YamlWriter {
 public:
  explicit YamlWriter(int indent) : indent_(indent) {}

  /// `key: value`, quoted where it must be.
  void scalar(std::string_view key, std::string_view value);
  /// The same, and nothing for "".
  void text(std::string_view key, std::string_view value);
  /// `key: value` as it is.
  void raw(std::string_view key, std::string_view value);
  void flag(std::string_view key, bool value) { raw(key, value ? "true" : "false"); }
  /// `<secret>`, or the name of its file.
  void secret(std::string_view key, const config::Secret& secret);
  /// Begins what is below `key`, up to close().
  void open(std::string_view key);
  /// Begins the maps of a list, each of which item() begins, up to close().
  void open_items() { indent_ += 2; }
  void close() { indent_ -= 2; }
  void item() { dash_ = true; }
  /// A scalar of a list.
  void element(std::string_view value);
  std::string take() { return std::move(out_); }

 private:
  void line(const std::string& content);

  int indent_;
  bool dash_ = false;
  std::string out_;
};

}  // namespace heal::probe
