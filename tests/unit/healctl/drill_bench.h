#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {

inline constexpr const char* kDrill = R"(version: 1
drill: nginx-kill
summary: nginx is killed.
steady:
  checks: [{http: "http://nginx:8080/healthz"}]
  within: 20s
fault: {target: container/local/nginx, kind: kill, for: 3m}
expect:
  alert: {name: NginxDown, within: 30s}
  decision: {playbook: restart-container, within: 40s}
  heal: {within: 60s}
stop_if: {any: [{promql: 'vector(0) > 1'}], every: 2s}
)";

/// A heal-webhook that hears of an alert some time after the fault and heals after that, and a service that is down
/// between the two.
class DrillBench {
 public:
  explicit DrillBench(const std::string& text = kDrill) {
    file_ = std::filesystem::temp_directory_path() / ("drill-" + std::to_string(getpid()) + ".yml");
    std::ofstream(file_) << text;
    bench.http.on("GET", "http://nginx:8080/healthz",
                  [this](const auto&) { return HttpAnswer::of(is_down() ? 503 : 200); });
    bench.http.on("GET", "http://localhost:9090/api/v1/query*", [this](const auto&) {
      if (stop_after && fault_at && bench.clock.now() - *fault_at >= *stop_after)
        return HttpAnswer::of(200, kOneSample);
      return HttpAnswer::of(200, R"({"status":"success","data":{"resultType":"vector","result":[]}})");
    });
    bench.http.on("POST", std::string(Bench::kApi) + "/faults", [this](const auto&) {
      fault_at = bench.clock.now() + looks_for;
      return HttpAnswer::of(201, dump(Json{{"fault", to_json(lease())}}), looks_for + breaks_for);
    });
    bench.http.on("POST", std::string(Bench::kApi) + "/faults/revert", [this](const HttpClientRequest& request) {
      if (!reverted) reverted_at = bench.clock.now();
      reverted = true;
      revert_request = request.body;
      return HttpAnswer::of(200, leases());
    });
    bench.http.on("GET", std::string(Bench::kApi) + "/faults",
                  [this](const auto&) { return HttpAnswer::of(200, leases()); });
    bench.http.on("GET", std::string(Bench::kApi) + "/incidents*", [this](const HttpClientRequest& request) {
      on_look();
      if (request.url.find("/incidents?state=") != std::string::npos)
        return HttpAnswer::of(200, list_of(waiting ? std::vector{*waiting} : std::vector<Incident>()));
      if (request.url.find("/incidents?") != std::string::npos) return HttpAnswer::of(200, list_of(incidents()));
      if (waiting && request.url.find(waiting->id) != std::string::npos)
        return HttpAnswer::of(200, story_of(*waiting, waiting_timeline));
      const bool is_of_first = request.url.find(kFirst) != std::string::npos;
      return HttpAnswer::of(200, is_of_first ? story_of(stale_incident(), {decided("stale")}, {}) : story());
    });
  }
  ~DrillBench() { std::filesystem::remove(file_); }

  Ran run(std::vector<std::string> more = {}) {
    std::vector<std::string> args{"drill", "run", file_.string()};
    args.insert(args.end(), more.begin(), more.end());
    return bench.run(args);
  }

  Bench bench;
  std::optional<Duration> alert_after = 5s, heal_after = 8s, act_after, stop_after;
  Duration looks_for{}, breaks_for{};  ///< how long the service takes before the fault, and from then to its answer
  std::optional<WallTime> fault_at;
  bool reverted = false;
  std::optional<WallTime> reverted_at;
  std::string revert_request;
  std::vector<FaultLease> other_leases;  ///< that the service tells of before ours
  bool touches_another = false;
  std::optional<Incident> waiting;  ///< an incident that was open before the fault
  std::vector<TimelineEntry> waiting_timeline;
  bool is_well_at_first = false;  ///< a first incident was stale: nothing was wrong when it was looked at
  std::function<void()> on_look = [] {};

  std::string leases() {
    Json list = Json::array();
    for (const FaultLease& one : other_leases)
      list.push_back(to_json(one));
    if (is_ours_told && fault_at && bench.clock.now() >= *fault_at) list.push_back(to_json(lease()));
    return dump(Json{{"faults", std::move(list)}});
  }
  bool is_ours_told = true;
  FaultLease lease() {
    FaultLease out;
    out.id = "01J8FAULT";
    out.kind = "kill";
    out.target = {"container", "local", "nginx"};
    out.owner = owner;
    out.state = reverted ? FaultLease::State::kReverted : FaultLease::State::kApplied;
    out.injected_at = *fault_at;
    out.deadline = *fault_at + 3min;
    if (reverted) out.reverted_at = reverted_at;
    return out;
  }
  std::string owner = "ada";

 private:
  static constexpr const char* kFirst = "01J8ZQ4T9M5V6W7X8Y9ZFIRST0";
  static constexpr const char* kOneSample =
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}})";

  bool passed(const std::optional<Duration>& after) {
    return fault_at && after && bench.clock.now() >= *fault_at + *after;
  }
  bool is_down() { return fault_at && !passed(heal_after) && !reverted; }
  Incident incident() {
    Incident out = healed_incident();
    out.times = {};
    out.times.failed_at = *fault_at;
    out.times.detected_at = *fault_at + *alert_after;
    out.times.decided_at = *fault_at + *alert_after + 100ms;
    const auto acted_at = act_after ? *fault_at + *act_after : *out.times.decided_at;
    if (bench.clock.now() >= acted_at) out.times.acted_at = acted_at;
    out.state = IncidentState::kVerifying;
    if (passed(heal_after)) {
      out.state = IncidentState::kRecovered;
      out.times.verified_at = *fault_at + *heal_after;
    }
    return out;
  }
  /// The newest first, as the service lists them.
  std::vector<Incident> incidents() {
    std::vector<Incident> out;
    if (passed(alert_after)) out.push_back(incident());
    if (is_well_at_first && passed(1s)) out.push_back(stale_incident());
    if (out.empty()) return out;
    if (touches_another) {
      out.push_back(incident());
      out.back().target = TargetId{"container", "local", "other"};
    }
    return out;
  }
  Incident stale_incident() {
    Incident out = healed_incident();
    out.id = kFirst;
    out.state = IncidentState::kStale;
    out.reason = "healthy";
    out.times = {};
    out.times.detected_at = *fault_at + 1s;
    return out;
  }
  TimelineEntry decided(const char* result) {
    TimelineEntry decision;
    decision.at = *fault_at + *alert_after + 100ms;
    decision.incident_id = incident().id;
    decision.kind = "decision";
    decision.message = "as the guards have it";
    decision.data = dump(Json{{"result", result}, {"guard", "none"}});
    return decision;
  }
  std::string story() {
    Episode episode;
    episode.key = "am:1";
    episode.source = "alertmanager";
    episode.name = "NginxDown";
    episode.received_at = *fault_at + *alert_after;
    return story_of(incident(), {decided("allow")}, {episode});
  }

  std::filesystem::path file_;
};

}  // namespace heal::ctl
