#include "common/config/decode.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "common/base/redact.h"
#include "common/base/text.h"

namespace heal::config {
namespace {

std::string describe(const Value& value) {
  switch (value.node().kind) {
    case NodeKind::kNull:
      return "empty";
    case NodeKind::kList:
      return "a list";
    case NodeKind::kMap:
      return "a map";
    case NodeKind::kScalar:
      return fmt::format("\"{}\"{}", printable(value.text(), 80), value.node().is_quoted ? " in quotes" : "");
  }
  return "empty";
}

/// A scalar written without quotes: the only thing that can be a number or a boolean.
bool is_plain(const Value& value) {
  return value.is_scalar() && !value.node().is_quoted;
}

std::optional<Duration> decode_duration(const Value& value, Result<Duration> (*parse)(std::string_view),
                                        std::string_view expected) {
  if (value.is_scalar()) {
    const auto duration = parse(value.text());
    if (duration && *duration >= Duration::zero()) return *duration;
  }
  value.must_be(expected);
  return std::nullopt;
}

struct ByteUnit {
  std::string_view name;
  std::uint64_t strict, go;
};
constexpr std::uint64_t kKibi = 1024;
constexpr std::array<ByteUnit, 8> kByteUnits{{{"KiB", kKibi, kKibi},
                                              {"MiB", kKibi* kKibi, kKibi* kKibi},
                                              {"GiB", kKibi* kKibi* kKibi, kKibi* kKibi* kKibi},
                                              {"KB", 1000, kKibi},
                                              {"MB", 1000 * 1000, kKibi* kKibi},
                                              {"GB", 1000 * 1000 * 1000, kKibi* kKibi* kKibi},
                                              {"B", 1, 1},
                                              {"", 1, 1}}};

std::optional<std::uint64_t> parse_bytes(std::string_view text, Dialect dialect) {
  for (const auto& unit : kByteUnits) {
    if (text.size() < unit.name.size() || text.substr(text.size() - unit.name.size()) != unit.name) continue;
    const auto number = parse_int(text.substr(0, text.size() - unit.name.size()));
    const auto factor = dialect == Dialect::kGoYaml ? unit.go : unit.strict;
    if (!number || *number < 0) return std::nullopt;
    const auto count = static_cast<std::uint64_t>(*number);
    if (count > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
    return count * factor;
  }
  return std::nullopt;
}

bool is_port(std::string_view text) {
  const auto number = parse_int(text);
  return number && *number >= 1 && *number <= 65535 && text[0] != '-' && text.size() <= 5;
}

bool is_label_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 && host[0] != '-' &&
         std::all_of(host.begin(), host.end(), [](char c) { return c == '.' || is_label_character(c); });
}

bool is_ipv6(std::string_view host) {
  in6_addr ignored{};
  return host.size() <= 64 && ::inet_pton(AF_INET6, std::string(host).c_str(), &ignored) == 1;
}

/// What was meant by `a==b`, which Alertmanager's syntax reads as a value that begins with "="; nullopt when no "=="
/// stands outside of quotes.
std::optional<std::string> doubled_equals(std::string_view text) {
  std::size_t at = 0;
  for (bool is_quoted = false; at + 1 < text.size(); ++at) {
    if (text[at] == '\\' && is_quoted) {
      ++at;
    } else if (text[at] == '"') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && text.substr(at, 2) == "==") {
      break;
    }
  }
  if (at + 1 >= text.size()) return std::nullopt;
  const auto before = text.substr(0, at);
  const auto begin = before.find_last_of(",{");
  const auto name = trim(begin == std::string_view::npos ? before : before.substr(begin + 1));
  auto value = trim(text.substr(at + 2, text.find_first_of(",}", at) - at - 2));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  return fmt::format("did you mean {}=\"{}\"?", printable(name, 60), printable(value, 60));
}

}  // namespace

bool is_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_port(text.substr(colon + 1))) return false;
  const auto host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return is_bracketed ? is_ipv6(host.substr(1, host.size() - 2)) : is_host(host);
}

bool is_dns_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  const auto labels = split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), is_label_character);
  });
}

std::optional<std::string> http_url_problem(std::string_view url) {
  const auto rest = url.substr(0, 7) == "http://"    ? url.substr(7)
                    : url.substr(0, 8) == "https://" ? url.substr(8)
                                                     : std::string_view();
  if (rest.empty()) return "it must begin with http:// or https:// and a host";
  const bool is_printable = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 127; });
  if (!is_printable || url.find_first_of("\"<>\\^`{|}") != std::string_view::npos)
    return "it holds a character that must be written as %XX";
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) return "it must not hold a user or password";
  const bool has_port = !authority.empty() && authority.back() != ']' && authority.find(':') != std::string_view::npos;
  const bool is_good = has_port ? is_host_port(authority) : is_host_port(std::string(authority) + ":80");
  if (!is_good) return "its host or port is not well-formed";
  return std::nullopt;
}

std::vector<Value> Value::items() const {
  std::vector<Value> out;
  out.reserve(node_->items.size());
  for (const auto& item : node_->items) {
    out.emplace_back(item, *source_, *diagnostics_, dialect_, fmt::format("item {} of {}", out.size() + 1, name_));
    out.back().secret_line_ = secret_line_;
  }
  return out;
}

Value Value::child(const MapEntry& entry) const {
  Value value(entry.value, *source_, *diagnostics_, dialect_, fmt::format("\"{}\"", printable(entry.key, 60)));
  value.secret_line_ = secret_line_;
  // As in redact_line(): this section has keys of its own that tell what is secret in it.
  const bool is_section = value.is_map() && entry.key == "authorization";
  if (!secret_line_ && !is_section && is_secret_key(entry.key)) value.secret_line_ = entry.line;
  return value;
}

SourceSpan Value::span() const {
  return source_->place(node_->line, node_->byte);
}

SourceSpan Value::key_span(const MapEntry& entry) const {
  return source_->place(entry.line, entry.byte);
}

void Value::report(Severity severity, int line, std::size_t byte, std::string message, std::string hint) const {
  const bool may_be_secret = secret_line_ && *secret_line_ != line;
  diagnostics_->add({severity, source_->place(line, byte), std::move(message), std::move(hint),
                     may_be_secret ? std::string() : std::string(source_->line(line))});
}

void Value::error(std::string message, std::string hint) const {
  report(Severity::kError, node_->line, node_->byte, std::move(message), std::move(hint));
}

void Value::warning(std::string message, std::string hint) const {
  report(Severity::kWarning, node_->line, node_->byte, std::move(message), std::move(hint));
}

void Value::error_at(std::size_t offset, std::string message, std::string hint) const {
  // Found by its text: escapes in quotes, folded and block scalars do not stand in the line as they are.
  const auto line = source_->line(node_->line);
  const auto start = line.find(node_->text, std::min(node_->byte, line.size()));
  const bool is_on_line = is_scalar() && start != std::string_view::npos && start <= node_->byte + 1;
  report(Severity::kError, node_->line, is_on_line ? start + offset : node_->byte, std::move(message), std::move(hint));
}

void Value::key_error(const MapEntry& entry, std::string message, std::string hint) const {
  report(Severity::kError, entry.line, entry.byte, std::move(message), std::move(hint));
}

void Value::secret_error(const MapEntry& entry, std::string message, std::string hint) const {
  diagnostics_->error(key_span(entry), std::move(message), std::move(hint));
}

void Value::key_warning(const MapEntry& entry, std::string message, std::string hint) const {
  report(Severity::kWarning, entry.line, entry.byte, std::move(message), std::move(hint));
}

void Value::must_be(std::string_view expected, std::string hint) const {
  error(fmt::format("{} must be {}, not {}", name_, expected, describe(*this)), std::move(hint));
}

MapReader::MapReader(Value value, std::string what) : value_(std::move(value)), what_(std::move(what)) {
  if (!value_.is_map()) value_.must_be("a map");
}

const MapEntry* MapReader::entry(std::string_view key) const {
  const auto& entries = value_.node().entries;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const MapEntry& e) { return e.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

std::optional<Value> MapReader::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  const MapEntry* found = entry(key);
  if (found == nullptr) return std::nullopt;
  auto value = value_.child(*found);
  if (value.is_null() && value.dialect() == Dialect::kGoYaml) return std::nullopt;
  return value;
}

std::optional<Value> MapReader::find_required(std::string_view key) {
  auto value = find(key);
  if (!value && is_map()) value_.error(fmt::format("{} needs \"{}\"", what_, key));
  return value;
}

std::vector<std::pair<const MapEntry*, Value>> MapReader::rest() {
  std::vector<std::pair<const MapEntry*, Value>> out;
  for (const auto& entry : value_.node().entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    known_.push_back(entry.key);
    out.emplace_back(&entry, value_.child(entry));
  }
  return out;
}

void MapReader::finish() {
  for (const auto& entry : value_.node().entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    value_.key_error(entry, fmt::format("unknown key \"{}\" in {}", printable(entry.key, 80), what_),
                     suggestion(entry.key, known_));
  }
}

void report_unknown_word(const Value& value, const std::vector<std::string>& words) {
  if (!value.is_scalar()) {
    value.must_be(fmt::format("one of {}", fmt::join(words, ", ")));
    return;
  }
  const auto close = closest_match(value.text(), words);
  value.must_be(fmt::format("one of {}", fmt::join(words, ", ")),
                close ? fmt::format("did you mean \"{}\"?", *close) : std::string());
}

std::optional<std::string> as_string(const Value& value) {
  if (value.is_scalar()) return value.text();
  value.must_be("a text");
  return std::nullopt;
}

std::optional<std::string> as_nonempty_string(const Value& value) {
  if (value.is_scalar() && !value.text().empty()) return value.text();
  value.must_be("a text that is not empty");
  return std::nullopt;
}

std::optional<bool> as_bool(const Value& value) {
  if (is_plain(value)) {
    if (value.text() == "true") return true;
    if (value.text() == "false") return false;
    if (value.dialect() == Dialect::kGoYaml) {
      const auto word = to_lower(value.text());
      for (const auto* yes : {"y", "yes", "on", "true"}) {
        if (word == yes) return true;
      }
      for (const auto* no : {"n", "no", "off", "false"}) {
        if (word == no) return false;
      }
    }
  }
  value.must_be("true or false");
  return std::nullopt;
}

std::optional<Duration> as_duration(const Value& value) {
  return decode_duration(value, parse_duration, "a duration like 30s or 1h30m");
}

std::optional<Duration> as_positive_duration(const Value& value) {
  const auto duration = as_duration(value);
  if (!duration || *duration > Duration::zero()) return duration;
  value.must_be("a duration of more than zero");
  return std::nullopt;
}

std::optional<Duration> as_go_duration(const Value& value) {
  return decode_duration(value, parse_go_duration, "a duration like 1.5s or 1m30s");
}

std::optional<std::uint64_t> as_byte_size(const Value& value) {
  if (value.is_scalar()) {
    if (const auto bytes = parse_bytes(value.text(), value.dialect())) return bytes;
  }
  value.must_be("a size like 512, 64KiB or 10MiB");
  return std::nullopt;
}

std::optional<Regex> as_regex(const Value& value) {
  const auto text = as_string(value);
  if (!text) return std::nullopt;
  auto regex = Regex::compile(*text);
  if (regex) return *regex;
  value.error(regex.error().message());
  return std::nullopt;
}

std::optional<std::vector<Matcher>> as_matchers(const Value& value) {
  if (!value.is_scalar()) {
    value.must_be("a matcher like alertname=\"Down\"");
    return std::nullopt;
  }
  auto matchers = Matcher::parse_list(value.text());
  const auto doubled = doubled_equals(value.text());
  if (matchers && !matchers->empty()) {
    if (doubled) value.warning(fmt::format("the value begins with \"=\": {}", matchers->front().str()), *doubled);
    return std::move(*matchers);
  }
  value.error(matchers ? fmt::format("{} holds no matcher", value.name()) : matchers.error().message(),
              doubled.value_or(""));
  return std::nullopt;
}

std::optional<std::vector<Matcher>> as_matcher_list(const Value& value) {
  const auto lists = as_list(as_matchers)(value);
  if (!lists) return std::nullopt;
  std::vector<Matcher> out;
  for (const auto& list : *lists)
    out.insert(out.end(), list.begin(), list.end());
  return out;
}

std::optional<std::string> as_http_url(const Value& value) {
  const auto text = as_string(value);
  if (!text) return std::nullopt;
  const auto problem = http_url_problem(*text);
  if (!problem) return text;
  // The text is not shown: it may hold a password.
  value.error(fmt::format("{} is not a URL that can be used: {}", value.name(), *problem));
  return std::nullopt;
}

std::optional<std::string> as_host_port(const Value& value) {
  if (value.is_scalar() && is_host_port(value.text())) return value.text();
  value.must_be("host:port or [v6]:port");
  return std::nullopt;
}

std::optional<std::map<std::string, std::string, std::less<>>> as_string_map(const Value& value) {
  if (!value.is_map()) {
    value.must_be("a map of texts");
    return std::nullopt;
  }
  std::map<std::string, std::string, std::less<>> out;
  for (const auto& entry : value.node().entries) {
    if (auto text = as_string(value.child(entry))) out[entry.key] = std::move(*text);
  }
  return out;
}

std::optional<std::int64_t> as_integer::operator()(const Value& value) const {
  const auto number = is_plain(value) ? parse_int(value.text()) : std::nullopt;
  const bool is_decimal = number && (value.text() == std::to_string(*number));  // no 007, no -0
  if (is_decimal && *number >= least_ && *number <= most_) return number;
  const bool has_least = least_ != std::numeric_limits<std::int64_t>::min();
  const bool has_most = most_ != std::numeric_limits<std::int64_t>::max();
  value.must_be(has_least && has_most ? fmt::format("a whole number from {} to {}", least_, most_)
                : has_least           ? fmt::format("a whole number of at least {}", least_)
                : has_most            ? fmt::format("a whole number of at most {}", most_)
                                      : "a whole number");
  return std::nullopt;
}

std::optional<double> as_number::operator()(const Value& value) const {
  if (is_plain(value)) {
    double number = 0;
    const auto& text = value.text();
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_whole = failure == std::errc() && end == text.data() + text.size() && std::isfinite(number);
    if (is_whole && number >= least_ && number <= most_) return number;
  }
  const bool has_range = least_ != std::numeric_limits<double>::lowest() || most_ != std::numeric_limits<double>::max();
  value.must_be(has_range ? fmt::format("a number from {} to {}", least_, most_) : "a number");
  return std::nullopt;
}

void read_secret(MapReader& map, std::string_view key, Secret& out) {
  const auto file_key = fmt::format("{}_file", key);
  // A secret is never shown in a message, so its value is not decoded with as_string.
  if (const auto value = map.find(key)) {
    // To Go programs an empty text is no text.
    if (value->is_scalar() && (!value->text().empty() || value->dialect() == Dialect::kGoYaml)) {
      out.value = value->text();
    } else {
      value->error(fmt::format("\"{}\" must be a text that is not empty", key));
    }
  }
  const bool is_go = map.value().dialect() == Dialect::kGoYaml;
  if (!map.optional(file_key, out.file, is_go ? as_string : as_nonempty_string)) return;
  if (!out.value.empty() && !out.file.empty())
    map.value().key_error(*map.entry(file_key), fmt::format("\"{}\" and \"{}\" cannot both be given", key, file_key));
}

}  // namespace heal::config
