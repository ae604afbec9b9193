#include "healctl/drill/drill.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/decode.h"
#include "common/fault/fault.h"
#include "common/playbook/promql.h"
#include "common/rehearsal/case.h"

namespace heal::ctl {
namespace {

using config::MapReader;
using config::Value;
using playbook::Comparison;

void read_comparison(MapReader& map, DrillCheck& out) {
  constexpr std::array<std::pair<const char*, Comparison>, 6> kWords{{{"is", Comparison::kEqual},
                                                                      {"is_not", Comparison::kNotEqual},
                                                                      {"gt", Comparison::kGreater},
                                                                      {"ge", Comparison::kGreaterEqual},
                                                                      {"lt", Comparison::kLess},
                                                                      {"le", Comparison::kLessEqual}}};
  for (const auto& [word, comparison] : kWords) {
    double bound = 0;
    if (!map.optional(word, bound, config::as_number())) continue;
    if (out.compared) map.value().error("a query is compared with one value only");
    out.compared = {comparison, bound};
  }
}

std::optional<DrillCheck> as_check(const Value& value) {
  MapReader map(value, "a check");
  DrillCheck out;
  const bool is_http = map.optional("http", out.address, config::as_http_url);
  if (is_http) {
    map.optional("status", out.status, config::as_list(config::as_integer(100, 599)));
  } else if (map.has("promql")) {
    out.kind = DrillCheck::Kind::kPromql;
    map.optional("promql", out.address, config::as_nonempty_string);
    read_comparison(map, out);
  } else if (map.is_map() && !map.has("http")) {
    value.error("it does not say what to ask", "one of the keys http, promql");
  }
  map.finish();
  return out.address.empty() ? std::nullopt : std::optional(std::move(out));
}

std::optional<std::vector<DrillCheck>> as_conditions(const Value& value) {
  auto out = config::as_list(as_check)(value);
  if (!out) return out;
  for (const Value& item : value.items()) {
    if (item.is_map() && !item.node().entries.empty() && item.node().entries.front().key == "http")
      item.error("a drill is stopped by queries only", "use promql");
  }
  return out;
}

/// After the fault a query's samples must be of after its undo: what never can be must not cost a fault.
void check_reach(const Value& place, const Drill& drill) {
  for (const DrillCheck& check : drill.steady) {
    if (check.kind != DrillCheck::Kind::kPromql) continue;
    const auto reads = playbook::promql_reads(check.address);
    if (!reads) {
      place.error(
          fmt::format("{}: cannot be seen to hold again after the fault: {}", check.str(), reads.error().message()));
    } else if (reads->selectors.empty()) {
      place.error(fmt::format("{}: it reads no samples, and says nothing of the target", check.str()));
    } else if (reads->looks_back >= drill.steady_within) {
      place.error(fmt::format("{}: it looks back {}, and must not see what was before the undo, but is asked for {} "
                              "after it",
                              check.str(), format_duration(reads->looks_back), format_duration(drill.steady_within)),
                  "a shorter range, or a longer \"within\"");
    }
  }
}

void read_steady(const Value& value, Drill& out) {
  MapReader map(value, "the steady state");
  map.required("checks", out.steady, config::as_list(as_check));
  map.optional("within", out.steady_within, config::as_positive_duration);
  if (map.is_map() && map.has("checks") && out.steady.empty()) value.error("a steady state has at least one check");
  check_reach(value, out);
  map.finish();
}

std::optional<std::string> as_fault_kind(const Value& value) {
  const auto& kinds = fault::fault_kinds();
  if (value.is_scalar() && std::find(kinds.begin(), kinds.end(), value.text()) != kinds.end()) return value.text();
  value.must_be(fmt::format("one of {}", fmt::join(kinds, ", ")));
  return std::nullopt;
}

/// What the service would refuse is said here, at its place.
void check_params(const Value& place, const Drill& drill) {
  const auto* kind = fault::find_fault(drill.fault);
  if (kind == nullptr) return;
  const auto read = fault::read_params(drill.fault, kind->params(), drill.with);
  const Status fits = read ? kind->check_params(*read) : Status(read.error());
  if (!fits) place.error(fits.error().message());
}

void read_fault(const Value& value, Drill& out) {
  MapReader map(value, "the fault");
  const auto as_target = [](const Value& target) -> std::optional<TargetId> {
    auto parsed = TargetId::parse(target.text());
    if (target.is_scalar() && parsed.has_value()) return std::move(*parsed);
    target.must_be("a target, as container/local/nginx");
    return std::nullopt;
  };
  map.required("target", out.target, as_target);
  map.required("kind", out.fault, as_fault_kind);
  map.optional("for", out.lease, config::as_positive_duration);
  map.optional("ignore_blast_radius", out.ignore_blast_radius, config::as_bool);
  map.optional("page", out.page, config::as_bool);
  const auto with = map.find("with");
  const auto params = with ? config::as_string_map(*with) : std::nullopt;
  if (params) out.with = {params->begin(), params->end()};
  map.finish();
  if (!with || params) check_params(with.value_or(value), out);
}

void read_heal(const Value& value, Drill& out) {
  if (value.is_scalar() && value.text() == "never") {
    out.heal = Drill::Heal::kNever;
    return;
  }
  MapReader map(value, "the expected heal");
  map.optional("within", out.heal_within, config::as_positive_duration);
  map.finish();
}

/// One name, or a list of them.
std::optional<std::vector<std::string>> as_names(const Value& value) {
  if (value.is_list()) return config::as_list(config::as_nonempty_string)(value);
  const auto name = config::as_nonempty_string(value);
  return name ? std::optional(std::vector<std::string>{*name}) : std::nullopt;
}

void read_expected(const Value& value, Drill& out) {
  MapReader map(value, "what is expected");
  if (const auto alert = map.find("alert")) {
    MapReader inner(*alert, "the expected alert");
    inner.required("name", out.alerts, as_names);
    inner.optional("within", out.alert_within, config::as_positive_duration);
    inner.finish();
  }
  out.decision_within = out.alert_within;
  if (const auto decision = map.find("decision")) {
    MapReader inner(*decision, "the expected decision");
    inner.optional("is", out.decision, rehearsal::as_decision);
    std::string name;
    if (inner.optional("playbook", name, config::as_nonempty_string)) out.playbook = std::move(name);
    inner.optional("within", out.decision_within, config::as_positive_duration);
    inner.finish();
  }
  if (const auto heal = map.find_required("heal")) read_heal(*heal, out);
  if (const auto resolved = map.find("resolved")) {
    MapReader inner(*resolved, "the expected end of the alert");
    Duration within{};
    if (inner.required("within", within, config::as_positive_duration)) out.resolved_within = within;
    inner.finish();
  }
  map.finish();
}

void read_stop(const Value& value, Drill& out) {
  MapReader map(value, "the stop condition");
  map.required("any", out.stop_if, as_conditions);
  map.optional("every", out.stop_every, config::as_positive_duration);
  map.finish();
}

/// What cannot come true as it is written.
void check_times(const Value& root, const Drill& drill) {
  const Duration longest = std::max({drill.alert_within, drill.decision_within,
                                     drill.heal == Drill::Heal::kExpected ? drill.heal_within : Duration{}});
  if (drill.lease <= longest)
    root.error(fmt::format("the fault is undone after {}, before all that is expected has had its time ({})",
                           format_duration(drill.lease), format_duration(longest)),
               "give the fault a longer \"for\"");
}

}  // namespace

bool DrillCheck::fits(double value) const {
  return !compared || playbook::compare(value, compared->first, compared->second);
}

std::string DrillCheck::str() const {
  if (kind == Kind::kHttp) return "GET " + address;
  if (!compared) return "promql " + address;
  return fmt::format("promql {} {} {}", address, playbook::to_string(compared->first), compared->second);
}

std::optional<Drill> parse_drill(const std::string& text, const std::string& file, config::Diagnostics& diagnostics) {
  const config::Source source(file, text);
  const auto root = config::parse_yaml(source, diagnostics);
  if (!root) return std::nullopt;
  const std::size_t errors = diagnostics.errors();
  const Value value(*root, source, diagnostics, config::Dialect::kStrict, "the file");
  MapReader map(value, "a drill");
  Drill out;
  out.file = file;
  std::int64_t version = 0;
  map.required("version", version, config::as_integer(1, 1));
  map.required("drill", out.name, config::as_nonempty_string);
  map.optional("summary", out.summary, config::as_string);
  if (const auto steady = map.find_required("steady")) read_steady(*steady, out);
  if (const auto fault = map.find_required("fault")) read_fault(*fault, out);
  if (const auto expected = map.find_required("expect")) read_expected(*expected, out);
  if (const auto stop = map.find("stop_if")) read_stop(*stop, out);
  map.finish();
  if (diagnostics.errors() == errors) check_times(value, out);
  return diagnostics.errors() == errors ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace heal::ctl
