#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/source_span.h"

namespace heal::config {

/// The text of one file that a person wrote. Immutable; must outlive the Values read from it.
class Source {
 public:
  /// `file` is the name for messages, as the user wrote it.
  Source(std::string file, std::string text);

  const std::string& file() const { return file_; }
  const std::string& text() const { return text_; }
  /// Line `number` (from 1) without its line end; "" when there is none.
  std::string_view line(int number) const;
  /// The place of byte `byte` (from 0) of line `number`; the span's column counts characters, as editors do.
  SourceSpan place(int number, std::size_t byte) const;

 private:
  std::string file_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
};

/// An error makes the file unusable; a warning is something that is probably not meant.
enum class Severity { kError, kWarning };

/// One thing that is wrong in a file.
struct Diagnostic {
  Severity severity = Severity::kError;
  SourceSpan span;
  std::string message;      ///< lower case, no full stop; never holds a secret
  std::string hint;         ///< what to do about it, e.g. `did you mean "target"?`; "" for none
  std::string source_line;  ///< the line of the file at `span`, secrets covered by add(); "" when unknown

  bool operator==(const Diagnostic&) const = default;
};

/// `did you mean "x"?` when one of `candidates` is near to `word`; otherwise `expected one of a, b, c` (at most twenty,
/// "" when there are none or more).
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

/// Everything that is wrong in one or several files. Value type.
class Diagnostics {
 public:
  void add(Diagnostic diagnostic);
  /// An error about a file as a whole, or about no file at all (empty span).
  void error(SourceSpan span, std::string message, std::string hint = {});
  void append(const Diagnostics& other);

  bool has_errors() const { return errors_ > 0; }
  bool empty() const { return items_.empty(); }
  std::size_t errors() const { return errors_; }
  std::size_t warnings() const { return items_.size() - errors_; }
  /// By file, line and column, without repetitions (what stands at an anchor is read once for each alias).
  std::vector<Diagnostic> sorted() const;
  /// All of them for people, each as
  ///     heal.yml:12:7: error: unknown key "targe" in a route
  ///         targe: x
  ///         ^
  ///     hint: did you mean "target"?
  std::string render() const;
  /// The first error as `file:line:col: message (and 3 more errors)`, for one log line; kInvalid.
  Error to_error() const;

 private:
  std::vector<Diagnostic> items_;
  std::size_t errors_ = 0;
};

}  // namespace heal::config
