#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/incident.h"
#include "common/wire/json.h"
#include "healctl/exit_code.h"
#include "healctl/service/client.h"

namespace heal::ctl {

/// What `incidents list` selects; all given conditions must hold.
struct IncidentFilter {
  std::vector<std::string> states;  ///< any of
  std::string target, playbook;
  std::optional<WallTime> since;  ///< detected at or after
  std::size_t limit = 50;
  std::vector<std::string> matchers{};  ///< all must take the labels of one of its alerts; in Alertmanager's syntax
};

struct IncidentPage {               // NOLINT(bugprone-exception-escape): moving a Json only looks as if it could throw
  std::vector<Incident> incidents;  ///< newest first
  Json documents;                   ///< the same as the service sent them, an array
  bool has_more = false;
};

/// Follows the service's cursor until `limit` are there. Errors as ServiceClient's.
Result<IncidentPage> list_incidents(ServiceClient& service, const IncidentFilter& filter);

/// An incident with everything that belongs to it.
struct Story {  // NOLINT(bugprone-exception-escape): as above
  Incident incident;
  std::vector<TimelineEntry> timeline;                 ///< oldest first; without its middle when it is very long
  std::vector<Episode> episodes;                       ///< the newest
  std::size_t timeline_total = 0, episodes_total = 0;  ///< how many there are
  std::string timeline_cursor;  ///< for the route that gives the middle; "" when nothing is missing
  Json document;                ///< as the service sent it
};
Result<Story> fetch_story(ServiceClient& service, const std::string& id);

/// What scripts are told about an incident in this state; nullopt while it goes on by itself.
std::optional<Exit> exit_of(const Incident& incident);

/// The names of all states, and of those in which an incident is not over.
std::vector<std::string> state_names();
std::vector<std::string> open_state_names();

}  // namespace heal::ctl
