#include <string_view>

#include "common/base/text.h"
#include "common/remedy/source/azure_events.h"
#include "common/remedy/source/ecs_events.h"
#include "common/remedy/source/grafana_events.h"
#include "common/wire/azure_monitor.h"
#include "common/wire/event_bridge.h"
#include "common/wire/grafana.h"
#include "common/wire/sns.h"
#include "tests/fuzz/property.h"

namespace {

using heal::remedy::Delivery;

/// What every delivery keeps to, whoever sent it: identity is one line of plain text, and nothing is lost unsaid.
void check(const Delivery& delivery) {
  FUZZ_EXPECT(!delivery.batch.source.empty());
  for (const auto& event : delivery.batch.events) {
    FUZZ_EXPECT(event.source == delivery.batch.source);
    FUZZ_EXPECT(!event.name.empty());
    FUZZ_EXPECT(event.key.size() < 512 && event.key.find_first_of("#\n ") == std::string::npos);
  }
}

}  // namespace

// Whatever is posted to the ingest routes is refused with a reason, or becomes events that can be told apart.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (auto grafana = heal::parse_grafana(body)) {
    const std::size_t alerts = grafana->alerts.group.alerts.size() + grafana->alerts.rejected.size();
    FUZZ_EXPECT(alerts > 0);
    check(heal::remedy::delivery_of(std::move(*grafana), {}));
  }
  if (auto azure = heal::parse_azure_monitor(body)) {
    const auto delivery = heal::remedy::delivery_of(std::move(*azure));
    FUZZ_EXPECT(delivery.batch.events.size() == 1);
    check(delivery);
  }
  if (auto ecs = heal::parse_event_bridge(body)) {
    const auto reading = heal::remedy::read_ecs(std::move(*ecs));
    FUZZ_EXPECT(reading.delivery.batch.events.size() + reading.delivery.ignored.size() == 1);
    check(reading.delivery);
  }
  if (const auto sns = heal::parse_sns(body)) {
    FUZZ_EXPECT(heal::sns_signed_text(*sns).ends_with("Confirmation\n") ||
                heal::sns_signed_text(*sns).ends_with("Notification\n"));
  }
  if (heal::check_sns_url(body, "").has_value()) {
    FUZZ_EXPECT(body.starts_with("https://sns."));
    FUZZ_EXPECT(body.find("@") == std::string_view::npos || body.find('/', 8) < body.find('@'));
  }
  return 0;
}
