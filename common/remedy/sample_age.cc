#include "common/remedy/sample_age.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "common/playbook/promql.h"

namespace heal::remedy {

SampleAge age_of_samples(const std::string& query, WallTime least, std::string_view event, WallTime now,
                         const AskPrometheus& ask) {
  const auto reads = playbook::promql_reads(query);
  if (!reads.has_value()) return {reads.error().str(), std::nullopt};
  if (reads->selectors.empty()) return {"it reads no samples", std::nullopt};
  if (now - reads->looks_back <= least && reads->looks_back > Duration{})
    return {fmt::format("it looks back {}, to before the end of {}", format_duration(reads->looks_back), event),
            std::nullopt};
  double oldest = std::numeric_limits<double>::infinity();
  for (const auto& selector : reads->selectors) {
    const auto times = ask(fmt::format("timestamp({})", selector));
    if (!times.has_value()) return {times.error().str(), std::nullopt};
    if (times->empty()) return {fmt::format("{} has no samples", selector), std::nullopt};
    for (const PromSample& time : *times)
      oldest = std::min(oldest, time.value);
    if (oldest <= to_unix_seconds(least)) return {fmt::format("no sample is newer than {} yet", event), std::nullopt};
  }
  return {"", WallTime(from_seconds(oldest))};
}

}  // namespace heal::remedy
