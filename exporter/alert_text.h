#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/labels.h"

namespace heal::exporter {

/// What an alert's texts may tell of a target. Values stay as they are: nothing that is put in is looked at again.
struct AlertFacts {
  Labels labels;  ///< of the series: probe, module, target and the probe's own
  std::string phase, reason, message;
  std::string failures;  ///< runs that failed in a row
};

/// A text with `{{ labels.service }}` places, also written `{{ $labels.service }}` as in Prometheus' rules. No logic. A
/// label that the series does not have is "". Immutable.
class AlertText {
 public:
  AlertText() = default;
  /// kInvalid with the reason; `offset`, when given, gets the byte where it is wrong.
  static Result<AlertText> parse(std::string_view text, std::size_t* offset = nullptr);

  std::string expand(const AlertFacts& facts) const;
  const std::string& text() const { return text_; }
  /// True when it tells what may differ from run to run: no label can.
  bool varies() const;

  bool operator==(const AlertText&) const = default;

 private:
  struct Part {
    std::string text;  ///< a literal, or a path
    bool is_path = false;
    bool operator==(const Part&) const = default;
  };
  std::string text_;
  std::vector<Part> parts_;
};

}  // namespace heal::exporter
