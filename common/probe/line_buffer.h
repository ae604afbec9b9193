#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heal::probe {

/// Cuts a stream into lines as Go's bufio.Scanner does: LF ends a line, one CR before it goes, what stands at the end
/// of the stream without LF is a line too, and a line of 64 KiB is too long. Bytes can be taken instead of lines.
class LineBuffer {
 public:
  void add(std::string_view bytes) { pending_ += bytes; }
  /// Says that nothing will follow.
  void end() { ended_ = true; }

  /// The next whole line; nullopt when there is none (yet).
  std::optional<std::string> next();
  /// What was not taken yet.
  std::string_view rest() const { return std::string_view(pending_).substr(begin_); }
  /// Takes `count` bytes of rest().
  void skip(std::size_t count);
  bool is_too_long() const;
  bool has_ended() const { return ended_; }

 private:
  std::string pending_;
  std::size_t begin_ = 0;    ///< of what was not taken yet
  std::size_t scanned_ = 0;  ///< no LF before this
  bool ended_ = false;
};

}  // namespace heal::probe
