#include "common/playbook/alert_rules.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"
#include "common/config/decode.h"
#include "common/playbook/promql.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

constexpr std::array<std::string_view, 9> kAggregators{"sum",   "min",    "max",    "avg",     "count",
                                                       "group", "stddev", "stdvar", "quantile"};

/// `text` without the white space and the comments with which it begins.
std::string_view skip_blank(std::string_view text) {
  for (text = trim(text); text.starts_with('#'); text = trim(text))
    text.remove_prefix(std::min(text.find('\n'), text.size()));
  return text;
}

std::string_view take_word(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
    ++end;
  const auto word = text.substr(0, end);
  text = skip_blank(text.substr(end));
  return word;
}

/// The part in the parentheses with which `text` begins; moves behind it.
std::optional<std::string_view> take_parentheses(std::string_view& text) {
  if (!text.starts_with('(')) return std::nullopt;
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\' && quote != '`') ++i;
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '#') i = std::min(text.find('\n', i), text.size() - 1);
    if (c == '"' || c == '\'' || c == '`') quote = c;
    if (c == '(') ++depth;
    if (c == ')' && --depth == 0) {
      const auto inner = text.substr(1, i - 1);
      text = skip_blank(text.substr(i + 1));
      return inner;
    }
  }
  return std::nullopt;
}

std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> out;
  for (const auto part : split(list, ',')) {
    if (const auto name = trim(part); !name.empty()) out.emplace_back(name);
  }
  return out;
}

/// `sum by (a) (…) > 1`, `sum(…) by (a) > 1`, `sum(…)`: its labels. Everything else may have any.
std::optional<std::vector<std::string>> labels_of(std::string_view expression) {
  auto rest = skip_blank(expression);
  const auto word = to_lower(take_word(rest));
  if (std::find(kAggregators.begin(), kAggregators.end(), word) == kAggregators.end()) return std::nullopt;
  std::optional<std::vector<std::string>> out;
  bool is_known = true;
  const auto take_clause = [&] {
    auto ahead = rest;
    const auto clause = to_lower(take_word(ahead));
    if (clause != "by" && clause != "without") return;
    const auto list = take_parentheses(ahead);
    if (!list) return;
    is_known = clause == "by";
    if (is_known) out = names_in(*list);
    rest = ahead;
  };
  take_clause();
  if (!take_parentheses(rest)) return std::nullopt;
  take_clause();
  const auto joined = promql_reads(rest);
  if (!is_known || !joined.has_value() || joined->joins_labels) return std::nullopt;
  return out.value_or(std::vector<std::string>{});
}

void read_labels(const Value& value, AlertRule& out) {
  if (!value.is_map()) return;
  for (const auto& entry : value.node().entries) {
    out.labels[entry.key] = value.child(entry).text();
    out.label_spans[entry.key] = value.key_span(entry);
  }
}

void read_rule(const Value& value, const config::Source& source, std::vector<AlertRule>& out) {
  MapReader map(value, "a rule");
  const auto name = map.find("alert");
  if (!name || !name->is_scalar()) return;
  AlertRule rule;
  rule.name = name->text();
  rule.span = name->span();
  rule.is_for_people = source.line(rule.span.line).find("# not healed") != std::string_view::npos;
  if (const auto expression = map.find("expr")) rule.expression = expression->text();
  rule.series_labels = labels_of(rule.expression);
  if (const auto labels = map.find("labels")) read_labels(*labels, rule);
  out.push_back(std::move(rule));
}

}  // namespace

bool AlertRule::may_set(const std::string& label) const {
  if (label == "alertname" || labels.find(label) != labels.end() || !series_labels) return true;
  return std::find(series_labels->begin(), series_labels->end(), label) != series_labels->end();
}

void AlertRule::add_external(const Labels& external) {
  for (const auto& [label, value] : external) {
    if (may_set(label)) continue;
    labels[label] = value;
    label_spans[label] = span;
  }
}

std::vector<AlertRule> parse_alert_rules(const std::string& text, const std::string& file,
                                         config::Diagnostics& diagnostics) {
  std::vector<AlertRule> out;
  const config::Source source(file, text);
  const auto root = config::parse_yaml(source, diagnostics);
  if (!root) return out;
  const Value value(*root, source, diagnostics, config::Dialect::kGoYaml, "the file");
  MapReader map(value, "a rule file");
  const auto groups = map.find_required("groups");
  if (!groups || !groups->is_list()) return out;
  for (const Value& group : groups->items()) {
    MapReader reader(group, "a group");
    const auto rules = reader.find("rules");
    if (!rules || !rules->is_list()) continue;
    for (const Value& rule : rules->items())
      read_rule(rule, source, out);
  }
  return out;
}

}  // namespace heal::playbook
