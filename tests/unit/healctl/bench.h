#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "common/probe/run.h"
#include "common/sim/fake_clock.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/sim_container_engine.h"
#include "common/wire/json_fwd.h"
#include "healctl/program.h"

namespace heal::ctl {

inline const std::string kTarget = "container/local/nginx";

/// What one run of healctl left behind.
struct Ran {
  Exit exit;
  std::string out, err;

  bool operator==(const Ran&) const = default;
};

/// healctl in a simulated world. Sleeping moves the clock.
class Bench {
 public:
  static constexpr const char* kApi = "http://localhost:9095/api/v1";

  Ran run(const std::vector<std::string>& args) {
    std::ostringstream out, err;
    Program program(Ports{clock, http, [this](const std::string&) { return EngineHandle(&engine, [](auto*) {}); },
                          [this](const auto& request, Duration timeout, std::stop_token) {
                            probed.emplace_back(request, timeout);
                            return probe_result;
                          },
                          inspect_store, restore_store, read_stories, direct},
                    Console{out, err, width, err_width}, environment);
    const auto exit = program.run(args, stop.get_token());
    return {exit, out.str(), err.str()};
  }
  /// Answers `method` on a path of the API.
  void on(const std::string& method, const std::string& path, int status, const std::string& body) {
    http.on(method, kApi + path, HttpAnswer::of(status, body));
  }
  HttpClientRequest last_request() { return http.requests().back(); }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  ScriptedHttpClient http{clock};
  SimContainerEngine engine{clock};
  std::vector<std::pair<probe::ProbeRequest, Duration>> probed;
  ProbeResult probe_result;
  std::function<Result<StoreReport>(const std::string& file)> inspect_store;
  std::function<Result<RestoreReport>(const std::string& file, const std::string& folder)> restore_store;
  std::function<Result<std::vector<StoredStory>>(const std::string& file, WallTime since, std::size_t limit)>
      read_stories;
  DirectPorts direct;
  Environment environment{{"USER", "ada"}};
  std::size_t width = 0, err_width = 0;  ///< of the terminals behind stdout and stderr; 0: none
  std::stop_source stop;
};

/// A container's incident that was detected three seconds after FakeClock::kStart less a minute, and healed.
Incident healed_incident();
std::string text_of(const Json& json);
/// Columns of the widest line.
std::size_t widest_line(const std::string& text);

/// `{"incidents": [...], "next_cursor": cursor}`.
std::string list_of(const std::vector<Incident>& incidents, const std::string& cursor = "");
/// `{"incident": …, "timeline": […], "episodes": […]}`.
std::string story_of(const Incident& incident, const std::vector<TimelineEntry>& timeline = {},
                     const std::vector<Episode>& episodes = {});
/// One server-sent event of the service.
std::string event_of(const TimelineEntry& entry);
TimelineEntry moved_to(const Incident& incident, IncidentState state, std::uint64_t sequence, std::string message);

}  // namespace heal::ctl
