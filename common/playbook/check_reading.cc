#include <array>

#include <fmt/format.h>

#include "common/playbook/reading.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

std::optional<std::vector<std::int64_t>> as_statuses(const Value& value) {
  const config::as_integer status(100, 599);
  if (value.is_list()) return config::as_list(status)(value);
  const auto one = status(value);
  return one ? std::optional(std::vector<std::int64_t>{*one}) : std::nullopt;
}

/// A template that must be `type` already when it holds no places.
std::optional<Template> read_typed(const Value& value, const References& references, ValueType type) {
  auto out = read_template(value, references);
  if (!out || !out->is_literal()) return out;
  TypeSpec spec;
  spec.type = type;
  if (const auto checked = check_value(spec, out->text()); !checked) value.error(checked.error().message());
  return out;
}

std::optional<Template> read_name(const Value& value, const References& references) {
  auto out = read_template(value, references);
  if (out && out->is_literal() && !config::is_dns_name(out->text())) value.must_be("a DNS name");
  return out;
}

/// A value put into a query must stay inside of a quoted string, or it could change the question.
void check_places_quoted(const Value& value, const Template& query) {
  bool in_quotes = false;
  std::size_t next = 0;
  const auto references = query.references();
  const auto& text = query.text();
  for (std::size_t i = 0; i < text.size() && next < references.size(); ++i) {
    if (in_quotes && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_quotes = !in_quotes;
    }
    if (i < references[next].offset) continue;
    if (!in_quotes)
      value.error_at(references[next].offset,
                     fmt::format("{} must stand inside of double quotes in a query", references[next].path));
    ++next;
  }
}

struct ComparisonWord {
  const char* word;
  Comparison comparison;
};
constexpr std::array<ComparisonWord, 6> kComparisons{{{"is", Comparison::kEqual},
                                                      {"is_not", Comparison::kNotEqual},
                                                      {"gt", Comparison::kGreater},
                                                      {"ge", Comparison::kGreaterEqual},
                                                      {"lt", Comparison::kLess},
                                                      {"le", Comparison::kLessEqual}}};

void read_promql(MapReader& map, CheckSpec& out, const References& references) {
  if (const auto query = map.find_required("query")) {
    out.address = read_template(*query, references).value_or(Template());
    if (out.address.text().empty()) query->error("\"query\" must not be empty");
    check_places_quoted(*query, out.address);
  }
  int comparisons = 0;
  for (const auto& [word, comparison] : kComparisons) {
    if (!map.optional(word, out.check.bound, config::as_number())) continue;
    out.check.comparison = comparison;
    ++comparisons;
  }
  if (map.is_map() && comparisons != 1)
    map.value().error("a promql check needs exactly one of is, is_not, gt, ge, lt, le");
}

/// The keys of a check of out.check.kind besides `check` and `is`.
void read_subject(MapReader& map, CheckSpec& out, const References& references) {
  const auto typed = [&](ValueType type) {
    return [&references, type](const Value& value) { return read_typed(value, references, type); };
  };
  switch (out.check.kind) {
    case Check::Kind::kHttp:
      map.required("url", out.address, typed(ValueType::kUrl));
      map.optional("status", out.check.status, as_statuses);
      map.optional("body", out.check.body, config::as_regex);
      break;
    case Check::Kind::kTcp:
      map.required("address", out.address, typed(ValueType::kHostPort));
      break;
    case Check::Kind::kDns:
      out.check.record_type = "A";
      map.required("name", out.address, [&](const Value& value) { return read_name(value, references); });
      map.optional("type", out.check.record_type, as_record_type);
      map.optional("server", out.server, typed(ValueType::kHostPort));
      map.optional("answer", out.check.answer, config::as_regex);
      break;
    case Check::Kind::kPromql:
      read_promql(map, out, references);
      break;
    case Check::Kind::kHealth:
    case Check::Kind::kContainer:
      map.optional("target", out.of_target, typed(ValueType::kTarget));
      break;
    case Check::Kind::kAlert:
      break;
  }
}

void read_wanted(MapReader& map, CheckSpec& out, AllowFailing failing) {
  using Wanted = Check::Wanted;
  const auto value = map.find("is");
  if (!value) return;
  const config::as_enum<Wanted> wanted({{"passing", Wanted::kPassing}, {"failing", Wanted::kFailing}});
  out.check.wanted = wanted(*value).value_or(Wanted::kPassing);
  if (out.check.wanted == Wanted::kFailing && failing == AllowFailing::kNo)
    value->error("\"is: failing\" proves no recovery", "it may be asked for under \"before\" only");
}

const config::as_enum<std::string>& container_states() {
  static const config::as_enum<std::string> states({{"running", "running"},
                                                    {"exited", "exited"},
                                                    {"paused", "paused"},
                                                    {"restarting", "restarting"},
                                                    {"created", "created"},
                                                    {"dead", "dead"}});
  return states;
}

const config::as_enum<std::string>& alert_states() {
  static const config::as_enum<std::string> states({std::pair<std::string, std::string>("resolved", "resolved")});
  return states;
}

}  // namespace

std::optional<std::string> as_record_type(const Value& value) {
  static const config::as_enum<std::string> types({{"A", "A"},
                                                   {"AAAA", "AAAA"},
                                                   {"CNAME", "CNAME"},
                                                   {"MX", "MX"},
                                                   {"NS", "NS"},
                                                   {"PTR", "PTR"},
                                                   {"SRV", "SRV"},
                                                   {"TXT", "TXT"}});
  return types(value);
}

CheckSpec read_wait_check(MapReader& map, Check::Kind kind, const References& references) {
  CheckSpec out;
  out.check.kind = kind;
  out.span = map.value().span();
  read_subject(map, out, references);
  return out;
}

std::optional<CheckSpec> read_check(const Value& value, const References& references, AllowFailing failing) {
  using Kind = Check::Kind;
  CheckSpec out;
  out.span = value.span();
  MapReader map(value, "a check");
  if (!map.is_map()) return std::nullopt;
  const int kinds = int{map.has("check")} + int{map.has("container")} + int{map.has("alert")};
  if (kinds != 1) {
    value.error("a check needs exactly one of check, container, alert",
                "write for example {check: health}, {container: running} or {alert: resolved}");
    return std::nullopt;
  }
  if (map.has("container")) {
    out.check.kind = Kind::kContainer;
    map.optional("container", out.check.state, container_states());
  } else if (map.has("alert")) {
    out.check.kind = Kind::kAlert;
    map.optional("alert", out.check.state, alert_states());
  } else {
    const config::as_enum<Kind> kind({{"health", Kind::kHealth},
                                      {"http", Kind::kHttp},
                                      {"tcp", Kind::kTcp},
                                      {"dns", Kind::kDns},
                                      {"promql", Kind::kPromql}});
    if (!map.required("check", out.check.kind, kind)) return std::nullopt;
    if (out.check.kind != Kind::kPromql) read_wanted(map, out, failing);
  }
  read_subject(map, out, references);
  map.finish();
  return out;
}

std::vector<CheckSpec> read_checks(const Value& value, const References& references, AllowFailing failing) {
  const auto read = [&](const Value& item) { return read_check(item, references, failing); };
  return config::as_list(read)(value).value_or(std::vector<CheckSpec>());
}

std::optional<VerificationSpec> read_verification(const Value& value, const References& references) {
  VerificationSpec out;
  MapReader map(value, "\"verify\"");
  std::int64_t consecutive = out.consecutive;
  map.optional("within", out.within, config::as_positive_duration);
  map.optional("consecutive", consecutive, config::as_integer(1, 1000));
  map.optional("interval", out.interval, config::as_positive_duration);
  map.optional("timeout", out.timeout, config::as_positive_duration);
  out.consecutive = static_cast<std::uint32_t>(consecutive);
  const auto all = map.find("all");
  const auto any = map.find("any");
  map.finish();
  if (!map.is_map()) return std::nullopt;
  if (all.has_value() == any.has_value()) {
    value.error("\"verify\" needs exactly one of all, any");
    return std::nullopt;
  }
  out.mode = all ? VerificationSpec::Mode::kAll : VerificationSpec::Mode::kAny;
  const Value& list = all ? *all : *any;
  out.checks = read_checks(list, references, AllowFailing::kNo);
  if (list.is_list() && list.node().items.empty()) list.error(fmt::format("{} must not be empty", list.name()));
  if (out.interval * (consecutive - 1) >= out.within)
    value.error(fmt::format("{} successes with {} between them do not fit into {}", consecutive,
                            format_duration(out.interval), format_duration(out.within)),
                "make \"within\" longer, or \"interval\" or \"consecutive\" smaller");
  return out;
}

}  // namespace heal::playbook
