#pragma once

#include <string>

namespace heal {

/// A place in a file that a person wrote. `line` and `column` count from 1; 0 means unknown.
struct SourceSpan {
  std::string file;
  int line = 0;
  int column = 0;

  /// `file:line:column`, leaving out what is unknown.
  std::string str() const;

  bool operator==(const SourceSpan&) const = default;
};

}  // namespace heal
