#include "common/telemetry/logger.h"

#include <cmath>
#include <unistd.h>

#include <fmt/format.h>

#include "common/base/mutex.h"
#include "common/base/text.h"

namespace heal {
namespace {

constexpr std::size_t kMaxValueBytes = 4096;

void write_stderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written <= 0) return;  // nobody to tell
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

WallTime system_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

// Valid UTF-8, at most kMaxValueBytes and then "…".
std::string bounded(std::string_view text) {
  if (text.size() <= kMaxValueBytes) return is_utf8(text) ? std::string(text) : to_valid_utf8(text);
  std::size_t end = kMaxValueBytes;
  while (end > kMaxValueBytes - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return to_valid_utf8(text.substr(0, end)) + "…";
}

// C0 controls and DEL; C1 controls and the line separators would pass as UTF-8 but break lines on terminals.
bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7F;
}

// Zero width, bidi marks, embeddings, overrides and isolates, line and paragraph separators, BOM: they let a value show
// as something that it is not. All are three bytes of UTF-8; 0 for other text.
unsigned unsafe_character(std::string_view text) {
  if (text.size() < 3) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned character = (byte(0) & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
  const auto is_in = [&](unsigned first, unsigned last) { return character >= first && character <= last; };
  const bool is_unsafe = (byte(0) & 0xF0U) == 0xE0 && (is_in(0x200B, 0x200F) || is_in(0x2028, 0x202E) ||
                                                       is_in(0x2060, 0x206F) || is_in(0xFEFF, 0xFEFF));
  return is_unsafe ? character : 0;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const unsigned char next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (is_control(c)) {
      out += fmt::format("\\u{:04x}", c);
    } else if (c == 0xC2 && next >= 0x80 && next < 0xA0) {
      out += fmt::format("\\u{:04x}", next);
      ++i;
    } else if (c == 0xD8 && next == 0x9C) {
      out += "\\u061c";  // the Arabic letter mark, the one bidi mark of two bytes
      ++i;
    } else if (const unsigned unsafe = unsafe_character(text.substr(i)); unsafe != 0) {
      out += fmt::format("\\u{:04x}", unsafe);
      i += 2;
    } else {
      out += static_cast<char>(c);
    }
  }
  out += '"';
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == '"' || byte == '=' || byte == '\\' || byte >= 0x7F) return true;
  }
  return false;
}

// A number as text that JSON takes too; NaN and infinity are words, which JSON has to quote.
std::string number_text(double value) {
  return fmt::format("{}", value);
}

struct Text {
  std::string text;
  bool quote_in_json;
};

Text text_of(const LogValue& value) {
  return std::visit(
      [](const auto& held) -> Text {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return {bounded(held), true};
        } else if constexpr (std::is_same_v<T, bool>) {
          return {held ? "true" : "false", false};
        } else if constexpr (std::is_same_v<T, double>) {
          return {number_text(held), !std::isfinite(held)};
        } else if constexpr (std::is_same_v<T, Duration>) {
          return {number_text(to_seconds(held)), false};
        } else {
          return {fmt::format("{}", held), false};
        }
      },
      value.get());
}

void append_field(std::string& line, LogFormat format, std::string_view key, const Text& value) {
  if (format == LogFormat::kJson) {
    line += line.empty() ? '{' : ',';
    append_quoted(line, key);
    line += ':';
    if (value.quote_in_json) {
      append_quoted(line, value.text);
    } else {
      line += value.text;
    }
    return;
  }
  if (!line.empty()) line += ' ';
  line.append(key).append("=");
  if (needs_quotes(value.text)) {
    append_quoted(line, value.text);
  } else {
    line += value.text;
  }
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      break;
  }
  return "error";
}

Result<LogLevel> parse_log_level(std::string_view text) {
  for (const auto level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (text == to_string(level)) return level;
  }
  return make_error(ErrorCode::kInvalid, "unknown log level \"{}\": expected debug, info, warn or error",
                    printable(text));
}

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "logfmt") return LogFormat::kLogfmt;
  if (text == "json") return LogFormat::kJson;
  return make_error(ErrorCode::kInvalid, "unknown log format \"{}\": expected logfmt or json", printable(text));
}

struct Logger::Output {
  explicit Output(LoggerOptions given) : options(std::move(given)) {}

  const LoggerOptions options;
  Mutex mutex;  // orders the lines; the sink is called with it held
};

Logger::Logger(LoggerOptions options) : component_("main") {
  if (!options.sink) options.sink = write_stderr;
  if (!options.clock) options.clock = system_now;
  output_ = std::make_shared<Output>(std::move(options));
}

Logger::Logger(std::shared_ptr<Output> output, std::string component)
    : output_(std::move(output)), component_(std::move(component)) {}

Logger Logger::none() {
  return Logger(nullptr, "none");
}

Logger Logger::component(std::string_view name) const {
  return Logger(output_, std::string(name));
}

bool Logger::enabled(LogLevel level) const {
  return output_ != nullptr && level >= output_->options.level;
}

void Logger::log(LogLevel level, std::string_view message, std::span<const LogField> fields) const {
  if (!enabled(level)) return;
  const auto format = output_->options.format;
  std::string line;
  line.reserve(256);
  append_field(line, format, "ts", {format_rfc3339(output_->options.clock()), true});
  append_field(line, format, "level", {std::string(to_string(level)), true});
  append_field(line, format, "component", {component_, true});
  append_field(line, format, "msg", {bounded(message), true});
  for (const auto& field : fields)
    append_field(line, format, field.key, text_of(field.value));
  line += format == LogFormat::kJson ? "}\n" : "\n";
  MutexLock lock(output_->mutex);
  output_->options.sink(line);
}

}  // namespace heal
