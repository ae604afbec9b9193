#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

/// `debug`, `info`, `warn` or `error`.
std::string_view to_string(LogLevel level);
/// The level or format named by a flag; kInvalid with the allowed words for anything else.
Result<LogLevel> parse_log_level(std::string_view text);
Result<LogFormat> parse_log_format(std::string_view text);

/// What a field of a log line can hold. A Duration is written as seconds.
class LogValue {
 public:
  LogValue(const char* text) : value_(std::string(text)) {}       // NOLINT(google-explicit-constructor)
  LogValue(std::string_view text) : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  LogValue(std::string text) : value_(std::move(text)) {}         // NOLINT(google-explicit-constructor)
  LogValue(const Error& error) : value_(error.str()) {}           // NOLINT(google-explicit-constructor)
  LogValue(bool value) : value_(value) {}                         // NOLINT(google-explicit-constructor)
  template <std::signed_integral T>
  LogValue(T value) : value_(static_cast<std::int64_t>(value)) {}  // NOLINT(google-explicit-constructor)
  template <std::unsigned_integral T>
  LogValue(T value) : value_(static_cast<std::uint64_t>(value)) {}  // NOLINT(google-explicit-constructor)
  template <std::floating_point T>
  LogValue(T value) : value_(static_cast<double>(value)) {}  // NOLINT(google-explicit-constructor)
  template <typename Rep, typename Period>
  LogValue(std::chrono::duration<Rep, Period> value)  // NOLINT(google-explicit-constructor)
      : value_(std::chrono::duration_cast<Duration>(value)) {}

  using Variant = std::variant<std::string, std::int64_t, std::uint64_t, double, bool, Duration>;
  const Variant& get() const { return value_; }

 private:
  Variant value_;
};

/// One `key=value` of a log line. Keys are lower case with underscores and constant.
struct LogField {
  std::string_view key;
  LogValue value;
};

struct LoggerOptions {
  /// Takes one whole line, newline included; called by one thread at a time. Must not throw.
  using Sink = std::function<void(std::string_view line)>;

  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
  Sink sink;                        ///< absent: standard error, one write(2) per line
  std::function<WallTime()> clock;  ///< absent: the system clock
};

/// Writes structured log lines: `ts=… level=info component=remedy msg="step finished" key=value…`, or the same as one
/// JSON object. A cheap-to-copy handle; thread-safe; a line is never torn. Control characters are escaped, bytes that
/// are not UTF-8 replaced, values longer than 4 KiB cut with "…". Never give it a secret.
class Logger {
 public:
  using Fields = std::initializer_list<LogField>;

  /// A logger of component "main".
  explicit Logger(LoggerOptions options = {});
  /// A logger that writes nothing.
  static Logger none();

  /// The same output under the name of another component.
  Logger component(std::string_view name) const;

  /// True when a line of `level` would be written: for fields that are costly to make.
  bool enabled(LogLevel level) const;

  /// `message` is a constant in lower case; what varies goes into `fields`.
  void log(LogLevel level, std::string_view message, std::span<const LogField> fields) const;
  void log(LogLevel level, std::string_view message, Fields fields) const {
    log(level, message, std::span<const LogField>(fields.begin(), fields.size()));
  }
  void debug(std::string_view message, Fields fields = {}) const { log(LogLevel::kDebug, message, fields); }
  void info(std::string_view message, Fields fields = {}) const { log(LogLevel::kInfo, message, fields); }
  void warn(std::string_view message, Fields fields = {}) const { log(LogLevel::kWarn, message, fields); }
  void error(std::string_view message, Fields fields = {}) const { log(LogLevel::kError, message, fields); }

 private:
  struct Output;
  Logger(std::shared_ptr<Output> output, std::string component);

  std::shared_ptr<Output> output_;  // null: writes nothing
  std::string component_;
};

}  // namespace heal
