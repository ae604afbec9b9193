#include <string>
#include <string_view>

#include "common/wire/alertmanager.h"
#include "common/wire/docker.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "common/wire/prometheus.h"
#include "tests/fuzz/property.h"

// Answers of the Docker engine, Prometheus and Alertmanager, and our own stored JSON: never a crash.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)heal::parse_alertmanager_alerts(input);
  (void)heal::parse_docker_inspect(input);
  (void)heal::parse_docker_list(input);
  (void)heal::parse_docker_stats(input);
  (void)heal::parse_docker_event(input);
  (void)heal::parse_docker_version(input);
  (void)heal::demux_docker_log(input);
  (void)heal::last_docker_log_time(input);
  (void)heal::parse_prometheus_query(input);
  if (const auto json = heal::parse_json(input); json.has_value()) {
    (void)heal::incident_from_json(*json);
    (void)heal::episode_from_json(*json);
    (void)heal::lease_from_json(*json);
  }
  return 0;
}
