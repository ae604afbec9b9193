#include "common/probe/exposition.h"

#include <algorithm>
#include <vector>

#include "common/probe/run.h"
#include "common/telemetry/exposition.h"

namespace heal::probe {

std::string expose_result(const ProbeResult& result) {
  std::vector<SampleFamily> families = result.families;
  families.push_back(
      gauge_family("probe_success", "Displays whether or not the probe was a success", result.success ? 1 : 0));
  families.push_back(gauge_family("probe_duration_seconds", "Returns how long the probe took to complete in seconds",
                                  to_seconds(result.duration)));
  if (!result.success) {
    families.push_back({"heal_probe_failure_info",
                        "Where and why the probe failed.",
                        {Sample{{{"phase", result.phase}, {"reason", result.reason}}, 1}}});
  }
  std::sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  ExpositionWriter out;
  std::vector<ExpositionWriter::Label> labels;
  for (const SampleFamily& family : families) {
    out.family(family.name, MetricType::kGauge, family.help);
    for (const Sample& sample : family.samples) {
      labels.assign(sample.labels.begin(), sample.labels.end());
      out.sample(family.name, sample.value, labels);
    }
  }
  return out.take();
}

}  // namespace heal::probe
