#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

const std::string kEvents = std::string(Bench::kApi) + "/events";

Incident fresh(IncidentState state) {
  auto incident = healed_incident();
  incident.state = state;
  incident.times = {};
  incident.times.detected_at = FakeClock::kStart + 50ms;
  if (state == IncidentState::kRecovered) incident.times.verified_at = FakeClock::kStart + 300ms;
  return incident;
}

HttpAnswer events(const std::vector<TimelineEntry>& entries) {
  auto answer = HttpAnswer::of(200);
  for (const auto& entry : entries)
    answer.chunks.push_back(event_of(entry));
  return answer;
}

TEST_CASE("watch prints a line per change and ends when the incident has recovered") {
  Bench bench;
  const auto begun = fresh(IncidentState::kExecuting), healed = fresh(IncidentState::kRecovered);
  bench.on("GET", "/incidents?limit=50", 200, list_of({}));
  bench.on("GET", "/incidents/" + begun.id, 200, story_of(begun));
  bench.on("GET", "/incidents/" + begun.id, 200, story_of(healed));
  auto step = moved_to(begun, IncidentState::kExecuting, 2, "restart: begun");
  step.kind = "step_intent";
  bench.http.on("GET", kEvents,
                events({moved_to(begun, IncidentState::kExecuting, 1, "attempt 1 begins"), step,
                        moved_to(begun, IncidentState::kRecovered, 3, "healthy again")}));
  CHECK(bench.run({"incidents", "watch", "--until", "recovered"}) ==
        Ran{Exit::kDone,
            "03:04:05.100Z  01J8ZQ4T9M5V6W7X8Y9ZABCDEF  executing          container/local/nginx  attempt 1 begins\n"
            "03:04:05.300Z  01J8ZQ4T9M5V6W7X8Y9ZABCDEF  recovered          container/local/nginx  healthy again\n",
            ""});
}

TEST_CASE("watch does not call a server that never answers a quiet one") {
  Bench bench;
  bench.http.on("GET", std::string(Bench::kApi) + "/incidents?limit=50", HttpAnswer::of(200, list_of({}), 1h));
  const auto ran = bench.run({"incidents", "watch", "--timeout", "3s"});
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK(ran.out.empty());
  CHECK(ran.err.starts_with("healctl: error: "));
}

TEST_CASE("watch ends with what went wrong when the incident does not recover") {
  Bench bench;
  const auto failed = fresh(IncidentState::kFailed);
  bench.on("GET", "/incidents?target=container%2Flocal%2Fnginx&limit=50", 200, list_of({failed}));
  const auto ran = bench.run({"incidents", "watch", "--target", "container/local/nginx", "--until", "recovered"});
  CHECK(ran.exit == Exit::kPersists);
}

TEST_CASE("watch does not take an old recovery for the new one") {
  Bench bench;
  bench.on("GET", "/incidents?limit=50", 200, list_of({healed_incident()}));
  bench.http.on("GET", kEvents, HttpAnswer::of(200, "", 1h));
  const auto ran = bench.run({"incidents", "watch", "--until", "recovered", "--timeout", "40s"});
  CHECK(ran == Ran{Exit::kUnknown, "",
                   "healctl: error: no watched incident was recovered in time\n"
                   "hint: \"healctl incidents list\" shows where they stand\n"});
  CHECK(bench.run({"incidents", "watch", "--until", "recovered", "--since", "5m"}).exit == Exit::kDone);
}

TEST_CASE("watch goes on after the last event it saw when the connection breaks") {
  Bench bench;
  const auto begun = fresh(IncidentState::kExecuting), healed = fresh(IncidentState::kRecovered);
  bench.on("GET", "/incidents?limit=50", 200, list_of({}));
  bench.on("GET", "/incidents/" + begun.id, 200, story_of(begun));
  bench.on("GET", "/incidents/" + begun.id, 200, story_of(healed));
  bench.http.on("GET", kEvents, events({moved_to(begun, IncidentState::kExecuting, 41, "begins")}));
  bench.http.on("GET", kEvents, HttpAnswer::failing(Error(ErrorCode::kUnavailable, "connection reset")));
  bench.http.on("GET", kEvents, events({moved_to(begun, IncidentState::kRecovered, 42, "healthy")}));
  const auto ran = bench.run({"incidents", "watch", "--until", "recovered"});
  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.err == "connection reset; connecting again\n");
  std::vector<std::string> last_ids;
  for (const auto& request : bench.http.requests()) {
    if (request.url == kEvents) last_ids.push_back(request.headers.front().second);
  }
  CHECK(last_ids == std::vector<std::string>{"text/event-stream", "41", "41"});
}

TEST_CASE("watch says at once when there is no service, or none that it knows") {
  Bench bench;
  CHECK(bench.run({"incidents", "watch"}).exit == Exit::kUnreachable);
  bench.on("GET", "/incidents?limit=50", 200, list_of({}));
  bench.http.on("GET", kEvents, HttpAnswer::of(200, "id: 1\ndata: {\"sequence\":[]}\n\n"));
  const auto ran = bench.run({"incidents", "watch"});
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK(ran.err.starts_with("healctl: error: the event stream holds what is no entry: "));
}

TEST_CASE("watch -o json gives one object per line") {
  Bench bench;
  const auto healed = fresh(IncidentState::kRecovered);
  bench.on("GET", "/incidents?limit=50", 200, list_of({}));
  bench.on("GET", "/incidents/" + healed.id, 200, story_of(healed));
  bench.http.on("GET", kEvents, events({moved_to(healed, IncidentState::kRecovered, 1, "a\nb")}));
  const auto ran = bench.run({"incidents", "watch", "--until", "recovered", "-o", "json"});
  CHECK(
      ran.out ==
      R"({"at":"2030-01-02T03:04:05.1Z","data":{"from":"received","to":"recovered"},"incident":"01J8ZQ4T9M5V6W7X8Y9ZABCDEF","kind":"state","message":"a\nb","sequence":1})"
      "\n");
}

}  // namespace
}  // namespace heal::ctl
