#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/time.h"
#include "common/config/diagnostics.h"
#include "common/config/yaml.h"
#include "common/model/matcher.h"
#include "common/model/regex.h"

namespace heal::config {

/// How lenient reading is. `kStrict` is for our own files; `kGoYaml` for files that Go programs read too (blackbox.yml,
/// web.config.yml): booleans may be yes/no/on/off and a key without a value counts as not given.
enum class Dialect { kStrict, kGoYaml };

/// One value of a file together with where errors about it go. Cheap to copy; refers to the node, the source and the
/// diagnostics, which must outlive it. Not thread-safe.
class Value {
 public:
  /// `name` is what messages call it: `"timeout"`, `item 2 of "routes"`, `the file`.
  Value(const Node& node, const Source& source, Diagnostics& diagnostics, Dialect dialect, std::string name)
      : node_(&node), source_(&source), diagnostics_(&diagnostics), dialect_(dialect), name_(std::move(name)) {}

  const Node& node() const { return *node_; }
  const std::string& name() const { return name_; }
  Dialect dialect() const { return dialect_; }
  bool is_null() const { return node_->kind == NodeKind::kNull; }
  bool is_scalar() const { return node_->kind == NodeKind::kScalar; }
  bool is_list() const { return node_->kind == NodeKind::kList; }
  bool is_map() const { return node_->kind == NodeKind::kMap; }
  /// A scalar's text; "" for everything else.
  const std::string& text() const { return node_->text; }
  /// The values of a list; none for everything else.
  std::vector<Value> items() const;
  /// A value below this one, for one of its map entries. Below the key of a secret, messages show no line but the
  /// key's.
  Value child(const MapEntry& entry) const;
  /// The place where it begins.
  SourceSpan span() const;
  /// The place where a key of a map begins.
  SourceSpan key_span(const MapEntry& entry) const;

  void error(std::string message, std::string hint = {}) const;
  void warning(std::string message, std::string hint = {}) const;
  /// An error at byte `offset` of a scalar that stands on one line; at its beginning when that cannot be told.
  void error_at(std::size_t offset, std::string message, std::string hint = {}) const;
  /// An error at a key of a map.
  void key_error(const MapEntry& entry, std::string message, std::string hint = {}) const;
  void key_warning(const MapEntry& entry, std::string message, std::string hint = {}) const;
  /// An error at a key whose line is not shown, for a secret may stand in it.
  void secret_error(const MapEntry& entry, std::string message, std::string hint = {}) const;
  /// `<name> must be <expected>, not <what it is>`.
  void must_be(std::string_view expected, std::string hint = {}) const;

 private:
  void report(Severity severity, int line, std::size_t byte, std::string message, std::string hint) const;

  const Node* node_;
  const Source* source_;
  Diagnostics* diagnostics_;
  Dialect dialect_;
  std::string name_;
  std::optional<int> secret_line_;  ///< where the key of a secret stands that this is below
};

/// Reads a map key by key into a struct whose initialisers are the defaults:
///
///     MapReader map(value, "a route");
///     map.required("playbook", route.playbook, as_string);
///     map.optional("timeout", route.timeout, as_duration);
///     map.finish();
///
/// Everything wrong becomes a diagnostic and reading goes on, so that all mistakes of a file are reported at once.
class MapReader {
 public:
  /// `what` names the map in messages, with its article: "a route". Reports when `value` is not a map.
  MapReader(Value value, std::string what);

  /// False when the value was not a map: then nothing is ever found, and missing keys are not reported again.
  bool is_map() const { return value_.is_map(); }
  const Value& value() const { return value_; }
  /// The value of `key`, which is from now on a known key. A null of the Go dialect counts as absent.
  std::optional<Value> find(std::string_view key);
  /// The same, reporting when it is missing.
  std::optional<Value> find_required(std::string_view key);
  bool has(std::string_view key) { return find(key).has_value(); }
  /// The entry itself, for messages about the key.
  const MapEntry* entry(std::string_view key) const;

  /// Sets `out` from `key` when it is there and right; `decode` is any `std::optional<T>(const Value&)` that reports
  /// what is wrong itself. True when `out` was set.
  template <typename T, typename Decode>
  bool optional(std::string_view key, T& out, Decode&& decode) {
    return store(find(key), out, decode);
  }
  /// The same; a missing key is an error.
  template <typename T, typename Decode>
  bool required(std::string_view key, T& out, Decode&& decode) {
    return store(find_required(key), out, decode);
  }

  /// All entries that no call has asked for, which become known: for maps whose keys are names.
  std::vector<std::pair<const MapEntry*, Value>> rest();
  /// Reports every key that no call has asked for, with a suggestion.
  void finish();

 private:
  template <typename T, typename Decode>
  static bool store(const std::optional<Value>& value, T& out, Decode& decode) {
    if (!value) return false;
    auto decoded = decode(*value);
    if (!decoded) return false;
    out = std::move(*decoded);
    return true;
  }

  Value value_;
  std::string what_;
  std::vector<std::string> known_;
};

/// Where a secret comes from: written in the file, or the name of a file that holds it. Never printed.
struct Secret {
  std::string value;
  std::string file;  ///< relative names are relative to the configuration file's folder

  bool is_set() const { return !value.empty() || !file.empty(); }
  bool operator==(const Secret&) const = default;
};

/// True for `host:port` and `[v6]:port` with a port from 1 to 65535.
bool is_host_port(std::string_view text);
/// A domain name to ask name servers for: labels of letters, digits, `-` and `_`, with or without the final dot.
bool is_dns_name(std::string_view text);
/// Why `url` cannot be used as an http(s) URL of ours; nullopt when it can. Never quotes the URL.
std::optional<std::string> http_url_problem(std::string_view url);

// Decoders. Each reports what is wrong and gives nullopt then.

/// Any scalar that is not null.
std::optional<std::string> as_string(const Value& value);
/// The same, and not empty.
std::optional<std::string> as_nonempty_string(const Value& value);
/// Unquoted true or false; in the Go dialect also yes, no, on, off, y, n in any case.
std::optional<bool> as_bool(const Value& value);
/// A Prometheus duration, not negative: `30s`, `1h30m`. `0` needs no unit.
std::optional<Duration> as_duration(const Value& value);
/// The same and more than zero.
std::optional<Duration> as_positive_duration(const Value& value);
/// A Go duration (`1.5s`, `100us`), not negative.
std::optional<Duration> as_go_duration(const Value& value);
/// Bytes: `512`, `64KiB`, `10MiB`, `1GiB`, `5MB`, `100B`; in the Go dialect `5MB` means 5 × 2^20 as in
/// units.Base2Bytes.
std::optional<std::uint64_t> as_byte_size(const Value& value);
/// An RE2 regular expression.
std::optional<Regex> as_regex(const Value& value);
/// One matcher in Alertmanager's syntax, or several with commas between them.
std::optional<std::vector<Matcher>> as_matchers(const Value& value);
/// An http:// or https:// URL with a host and without user information.
std::optional<std::string> as_http_url(const Value& value);
/// `host:port`, `[v6]:port`; port 1 to 65535.
std::optional<std::string> as_host_port(const Value& value);
/// Name → scalar.
std::optional<std::map<std::string, std::string, std::less<>>> as_string_map(const Value& value);
/// A list of matchers, each item one matcher or several with commas between them.
std::optional<std::vector<Matcher>> as_matcher_list(const Value& value);

/// An unquoted decimal number in a range.
class as_integer {  // NOLINT(readability-identifier-naming): a decoder reads like the functions above
 public:
  explicit as_integer(std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                      std::int64_t most = std::numeric_limits<std::int64_t>::max())
      : least_(least), most_(most) {}
  std::optional<std::int64_t> operator()(const Value& value) const;

 private:
  std::int64_t least_, most_;
};

/// An unquoted finite number in a range.
class as_number {  // NOLINT(readability-identifier-naming)
 public:
  explicit as_number(double least = std::numeric_limits<double>::lowest(),
                     double most = std::numeric_limits<double>::max())
      : least_(least), most_(most) {}
  std::optional<double> operator()(const Value& value) const;

 private:
  double least_, most_;
};

/// Reports that `value` is none of `words`, with a suggestion.
void report_unknown_word(const Value& value, const std::vector<std::string>& words);

/// One of a closed set of words.
template <typename T>
class as_enum {  // NOLINT(readability-identifier-naming)
 public:
  explicit as_enum(std::vector<std::pair<std::string, T>> words) : words_(std::move(words)) {}
  std::optional<T> operator()(const Value& value) const {
    std::vector<std::string> names;
    for (const auto& [word, meaning] : words_) {
      if (value.is_scalar() && value.text() == word) return meaning;
      names.push_back(word);
    }
    report_unknown_word(value, names);
    return std::nullopt;
  }

 private:
  std::vector<std::pair<std::string, T>> words_;
};

/// A list, each item read by `decode`. Wrong items are reported and left out.
template <typename Decode>
auto as_list(Decode decode) {
  return [decode = std::move(decode)](const Value& value) {
    using T = typename decltype(decode(value))::value_type;
    if (!value.is_list()) {
      value.must_be("a list");
      return std::optional<std::vector<T>>();
    }
    std::vector<T> out;
    for (const Value& item : value.items()) {
      if (auto decoded = decode(item)) out.push_back(std::move(*decoded));
    }
    return std::optional<std::vector<T>>(std::move(out));
  };
}

/// Reads `key` or `key_file` into `out`; both at once are an error.
void read_secret(MapReader& map, std::string_view key, Secret& out);

}  // namespace heal::config
