#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/source_span.h"
#include "common/config/diagnostics.h"
#include "common/model/labels.h"

namespace heal::playbook {

/// One alerting rule of a Prometheus rule file, as far as it takes to tell what its alerts look like.
struct AlertRule {
  std::string name;  ///< alertname
  std::string expression;
  Labels labels;  ///< of the rule; values may be templates
  /// The labels that the expression's own result has, when that can be told: of an outermost aggregation with `by`, or
  /// with nothing. Absent: any of the series' labels.
  std::optional<std::vector<std::string>> series_labels;
  bool is_for_people = false;  ///< the line of its name says `# not healed`
  SourceSpan span;
  std::map<std::string, SourceSpan> label_spans;

  /// Whether its alerts may have the label: false only when it is known that they do not.
  bool may_set(const std::string& label) const;
  /// Prometheus' external_labels, which each alert is given that has not labels of these names.
  void add_external(const Labels& external);
};

/// The alerting rules of a file; recording rules and what else Prometheus knows are passed over (promtool checks them).
std::vector<AlertRule> parse_alert_rules(const std::string& text, const std::string& file,
                                         config::Diagnostics& diagnostics);

}  // namespace heal::playbook
