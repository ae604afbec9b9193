#include <algorithm>
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "tests/unit/webhook/service.h"

namespace heal::webhook::test {
namespace {

std::vector<std::string> members_of(const Json& json) {
  std::vector<std::string> names;
  for (const auto& item : json.items())
    names.push_back(item.key());
  std::sort(names.begin(), names.end());
  return names;
}

/// Breaks and heals nginx; gives the incident's id.
std::string heal_once(Service& service) {
  service.clock->advance(1s);
  service.engine->crash("nginx", 1);
  REQUIRE(service.post("/webhook", service.notification()).status == 202);
  return service.run_to(IncidentState::kClosed);
}

TEST_CASE("incidents are listed newest first, filtered, and paged") {
  Service service;
  REQUIRE(service.start().has_value());
  CHECK(service.get_json("/api/v1/incidents") == Json{{"incidents", Json::array()}, {"next_cursor", nullptr}});
  const std::string first = heal_once(service);
  const std::string second = heal_once(service);

  const Json all = service.get_json("/api/v1/incidents");
  REQUIRE(all["incidents"].size() == 2);
  CHECK(all["incidents"][0]["id"] == second);
  CHECK(all["incidents"][1]["id"] == first);
  CHECK(all["next_cursor"].is_null());
  CHECK(members_of(all["incidents"][0]) ==
        std::vector<std::string>{"attempt", "drill", "episodes", "exit_code", "failure_reason", "id", "message",
                                 "mttd_seconds", "mttr_seconds", "name", "plan_hash", "playbook", "reason",
                                 "requested_by", "state", "target", "times", "type"});
  const Json page = service.get_json("/api/v1/incidents?limit=1");
  CHECK(page["incidents"][0]["id"] == second);
  CHECK(page["next_cursor"] == second);
  CHECK(service.get_json("/api/v1/incidents?limit=1&cursor=" + second)["incidents"][0]["id"] == first);
  CHECK(service.get_json("/api/v1/incidents?state=closed,failed")["incidents"].size() == 2);
  CHECK(service.get_json("/api/v1/incidents?state=held")["incidents"].empty());
  CHECK(service.get_json("/api/v1/incidents?target=container/local/nginx")["incidents"].size() == 2);
  CHECK(service.get_json("/api/v1/incidents?target=container/local/other")["incidents"].empty());
  CHECK(service.get_json("/api/v1/incidents?playbook=restart-container")["incidents"].size() == 2);
  CHECK(service.get_json("/api/v1/incidents?since=2031-01-01T00:00:00Z")["incidents"].empty());
}

TEST_CASE("a question that makes no sense is 400 with the reason") {
  Service service;
  REQUIRE(service.start().has_value());
  const auto message = [&](const std::string& path) {
    const Reply reply = service.get(path);
    CHECK(reply.status == 400);
    return parse_json(reply.body).value()["error"]["message"].get<std::string>();
  };
  CHECK(message("/api/v1/incidents?state=on-fire") == "state: \"on-fire\" is no state of an incident");
  CHECK(message("/api/v1/incidents?since=yesterday") == "since: expected an RFC 3339 time");
  CHECK(message("/api/v1/incidents?limit=0") == "limit: expected a whole number from 1 to 1000");
  CHECK(message("/api/v1/events?after=x") == "Last-Event-ID or after: expected a whole number");
  CHECK(message("/api/v1/incidents?cursor=page-2") ==
        "cursor: expected next_cursor of the page before, got \"page-2\"");
  CHECK(message("/api/v1/incidents?match[]=severity").starts_with("match[]: "));
  CHECK(message("/api/v1/incidents?status=held") ==
        "status: unknown query parameter; known here: target, playbook, since, limit, cursor, state, match[]");
  CHECK(message("/api/v1/incidents?limit=1&limit=2") == "limit: query parameter given more than once");
  CHECK(message("/api/v1/pauses?all=1") == "all: unknown query parameter; there are none here");
  const Reply missing = service.get("/api/v1/incidents/../../etc/passwd");
  CHECK(missing.status == 404);
}

TEST_CASE("what the server itself refuses below /api is told in the same form as everything else") {
  Service service;
  REQUIRE(service.start().has_value());
  const auto error = [](const Reply& reply) { return parse_json(reply.body).value()["error"]; };
  const Reply missing = service.get("/api/v1/nothing");
  CHECK(missing.status == 404);
  CHECK(error(missing) == Json{{"code", "not_found"}, {"message", "there is nothing at this path"}});
  const Reply wrong = service.send("DELETE", "/api/v1/lever", "");
  CHECK(wrong.status == 405);
  CHECK(error(wrong) ==
        Json{{"code", "method_not_allowed"}, {"message", "this path has other methods: GET, HEAD, PUT"}});
  CHECK(service.get("/nothing").body == "there is nothing at this path\n");
}

TEST_CASE("incidents are listed by the labels of their alerts, page by page") {
  Service service;
  REQUIRE(service.start().has_value());
  const std::string healed = heal_once(service);
  const auto ids = [&](const std::string& query) {
    std::vector<std::string> out;
    const Json page = service.get_json("/api/v1/incidents?" + query);
    for (const Json& incident : page["incidents"])
      out.push_back(incident["id"]);
    return out;
  };
  CHECK(ids("match[]=container%3Dnginx") == std::vector{healed});
  CHECK(ids("match%5B%5D=%7Balertname%3D~%22Nginx.*%22%2Ccontainer%3D%22nginx%22%7D") == std::vector{healed});
  CHECK(ids("match[]=container%3Dnginx&match[]=instance%3Dtwo").empty());
  CHECK(ids("match[]=container!%3Dnginx").empty());
  const std::string newer = heal_once(service);
  CHECK(ids("match[]=instance%3Done") == std::vector{newer, healed});
  const Json first = service.get_json("/api/v1/incidents?match[]=instance%3Done&limit=1");
  REQUIRE(first["next_cursor"] == newer);
  CHECK(ids("match[]=instance%3Done&limit=1&cursor=" + newer) == std::vector{healed});
}

TEST_CASE("an incident is shown with its timeline and episodes, and explained") {
  Service service;
  REQUIRE(service.start().has_value());
  const std::string id = heal_once(service);
  const Json shown = service.get_json("/api/v1/incidents/" + id);
  CHECK(members_of(shown) == std::vector<std::string>{"episodes", "episodes_total", "incident", "timeline",
                                                      "timeline_cursor", "timeline_total"});
  CHECK(shown["timeline_total"] == shown["timeline"].size());
  CHECK(shown["timeline_cursor"].is_null());
  CHECK(shown["incident"]["state"] == "closed");
  CHECK(shown["incident"]["mttr_seconds"].is_number());
  REQUIRE(shown["episodes"].size() == 1);
  CHECK(shown["episodes"][0]["labels"]["alertname"] == "NginxDown");
  CHECK(service.get_json("/api/v1/incidents/" + id + "/timeline") ==
        Json{{"timeline", shown["timeline"]}, {"timeline_total", shown["timeline"].size()}, {"next_cursor", nullptr}});
  std::vector<std::string> kinds;
  for (const Json& entry : shown["timeline"]) {
    CHECK(members_of(entry) == std::vector<std::string>{"at", "data", "incident", "kind", "message", "sequence"});
    kinds.push_back(entry["kind"]);
  }
  CHECK(kinds == std::vector<std::string>{"received", "matched", "planned", "state", "decision", "state", "step_intent",
                                          "step_outcome", "state", "verify", "state", "state"});
  const std::string text = service.get_json("/api/v1/incidents/" + id + "/explain")["text"];
  for (const char* word : {"CONTAINER_CRASH", "container/local/nginx", "cooldown", "budget", "fresh_evidence"})
    CHECK(text.find(word) != std::string::npos);
  CHECK(service.get("/api/v1/incidents/" + id + "/nothing").status == 404);
  CHECK(service.get("/api/v1/incidents/01NOSUCH").status == 404);
}

TEST_CASE("an incident that a storm went into is answered in bounded size, and the rest by page") {
  Service service;
  REQUIRE(service.start().has_value());
  const std::string id = heal_once(service);
  std::vector<StoreWrite> storm;
  Incident incident = service.memory->incident(id).value().value();
  for (int i = 0; i < 5000; ++i) {
    Episode episode;
    episode.key = fmt::format("storm/{:05}", i);
    episode.incident_id = id;
    episode.name = "Storm";
    episode.received_at = service.clock->now() + i * 1ms;
    incident.episode_keys.push_back(episode.key);
    storm.emplace_back(PutEpisode{std::move(episode)});
    storm.emplace_back(AppendEntry{{0, service.clock->now(), id, "received", fmt::format("alert {}", i), "{}"}});
  }
  storm.emplace_back(PutIncident{incident});
  REQUIRE(service.memory->commit(storm).has_value());
  const auto whole = service.memory->timeline(id).value();

  const Json shown = service.get_json("/api/v1/incidents/" + id);
  CHECK(dump(shown).size() < 400'000);
  CHECK(shown["timeline_total"] == whole.size());
  CHECK(shown["episodes_total"] == 5001);
  REQUIRE(shown["episodes"].size() == 100);
  CHECK(shown["episodes"][99]["key"] == "storm/04999");
  REQUIRE(shown["timeline"].size() == 500);
  CHECK(shown["timeline"][99]["sequence"] == whole[99].sequence);
  CHECK(shown["timeline"][100]["sequence"] == whole[whole.size() - 400].sequence);
  CHECK(shown["timeline_cursor"] == std::to_string(whole[99].sequence));
  const std::string text = service.get_json("/api/v1/incidents/" + id + "/explain")["text"];
  CHECK(text.find(fmt::format("  {} entries after the first 100 are not shown: incidents/{}/timeline?cursor={}\n",
                              whole.size() - 500, id, whole[99].sequence)) != std::string::npos);
  CHECK(dump(service.get_json("/api/v1/incidents")).size() < 20'000);

  std::vector<std::uint64_t> read, all;
  for (const auto& entry : whole)
    all.push_back(entry.sequence);
  std::string cursor;
  for (Json page; cursor != "end"; cursor = page["next_cursor"].is_null() ? "end" : page["next_cursor"]) {
    page = service.get_json("/api/v1/incidents/" + id + "/timeline?limit=1000&cursor=" + cursor);
    for (const Json& entry : page["timeline"])
      read.push_back(entry["sequence"]);
    REQUIRE(read.size() <= all.size());
  }
  CHECK(read == all);
  CHECK(service.get("/api/v1/incidents/" + id + "/timeline?cursor=x").status == 400);
  CHECK(service.get("/api/v1/incidents/" + id + "/timeline?limit=0").status == 400);
}

TEST_CASE("a heal that a person asks for is started, rehearsed or refused with the reason") {
  Service service;
  REQUIRE(service.start().has_value());
  const auto ask = [&](const std::string& body) { return service.post("/api/v1/heals", body); };
  const Reply rehearsed =
      ask(R"({"playbook": "restart-container", "target": "container/local/nginx", "dry_run": true, "by": "anna"})");
  REQUIRE(rehearsed.status == 200);
  const Json plan = parse_json(rehearsed.body).value();
  CHECK(members_of(plan) == std::vector<std::string>{"decision", "dry_run", "explain", "message", "plan", "reason"});
  CHECK(plan["decision"]["result"] == "allow");
  CHECK(service.memory->incidents({}).value().empty());

  const Reply started =
      ask(R"({"playbook": "restart-container", "target": "container/local/nginx", "params": {"grace": "1s"}})");
  REQUIRE(started.status == 202);
  const std::string id = parse_json(started.body).value()["incident"];
  CHECK(service.run_to(IncidentState::kClosed) == id);
  CHECK(service.get_json("/api/v1/incidents/" + id)["incident"]["requested_by"] == "anonymous");
  CHECK(service.restarts() == 1);

  const Reply refused = ask(R"({"playbook": "restart-container", "target": "container/local/nobody"})");
  CHECK(refused.status == 409);
  CHECK(parse_json(refused.body).value()["reason"] == "not_in_inventory");
  CHECK(ask(R"({"playbook": "none", "target": "container/local/nginx"})").status == 404);
  CHECK(ask(R"({"playbook": "restart-container", "target": "nginx"})").status == 400);
  CHECK(ask(R"({"target": "container/local/nginx"})").status == 400);
  CHECK(ask("restart please").status == 400);
  CHECK(service.restarts() == 1);
}

TEST_CASE("a plan is the answer of the dry run, and nothing is written") {
  Service service;
  REQUIRE(service.start().has_value());
  const Json plan =
      service.get_json("/api/v1/plan?playbook=restart-container&target=container/local/nginx&set=grace=1s");
  const Reply rehearsed = service.post("/api/v1/heals", R"({"playbook": "restart-container",
    "target": "container/local/nginx", "params": {"grace": "1s"}, "dry_run": true})");
  CHECK(plan == parse_json(rehearsed.body).value());
  CHECK(plan["decision"]["result"] == "allow");
  CHECK(plan["plan"]["steps"][0]["arguments"]["grace"] == "1s");
  CHECK(service.get_json("/api/v1/plan?playbook=restart-container&target=container/local/nobody")["reason"] ==
        "not_in_inventory");
  CHECK(service.memory->incidents({}).value().empty());
  CHECK(service.restarts() == 0);
}

TEST_CASE("a plan of what is no question is refused with the parameter's name") {
  Service service;
  REQUIRE(service.start().has_value());
  struct Case {
    const char* query;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"target=container/local/nginx", "playbook: required"},
      {"playbook=restart-container", "target: required"},
      {"playbook=restart-container&target=container/local/nginx&set=grace", R"(set: expected NAME=VALUE, got "grace")"},
      {"playbook=restart-container&target=container/local/nginx&set==1s", R"(set: expected NAME=VALUE, got "=1s")"},
      {"playbook=restart-container&target=container/local/nginx&set=grace=1s&set=grace=2s",
       "set: grace is given twice"},
      {"playbook=restart-container&target=container/local/nginx&dry_run=true",
       "dry_run: unknown query parameter; known here: playbook, target, set"},
  }));
  CAPTURE(c.query);
  const Reply reply = service.get(std::string("/api/v1/plan?") + c.query);
  CHECK(reply.status == 400);
  CHECK(parse_json(reply.body).value() == Json{{"error", {{"code", "invalid"}, {"message", c.message}}}});
}

TEST_CASE("a request with a member that we do not know does nothing, and is told what may have been meant") {
  Service service;
  REQUIRE(service.start().has_value());
  struct Case {
    const char* path;
    const char* body;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"heals", R"({"playbook": "restart-container", "target": "container/local/nginx", "dryrun": true})",
       R"(/dryrun: unknown member, did you mean "dry_run"?)"},
      {"faults", R"({"fault": "stop", "target": "container/local/nginx", "fro": "5s"})",
       R"(/fro: unknown member, did you mean "for"?)"},
      {"faults", R"(["stop"])", "expected an object, got array"},
      {"faults/revert", R"({"al": true})", R"(/al: unknown member, did you mean "all"?)"},
      {"faults/revert", R"({"all": true, "dry_run": true})",
       "/dry_run: unknown member, expected one of target, id, all, by"},
      {"faults/revert", R"({"all": true, "target": "container/local/nginx"})", "expected one of target, id, all"},
  }));
  CAPTURE(c.body);
  const Reply reply = service.post(std::string("/api/v1/") + c.path, c.body);
  CHECK(reply.status == 400);
  CHECK(parse_json(reply.body).value() == Json{{"error", {{"code", "invalid"}, {"message", c.message}}}});
  CHECK(service.memory->incidents({}).value().empty());
  CHECK(service.memory->leases().value().empty());
}

TEST_CASE("a browser's cross-site POST is refused") {
  Service service;
  REQUIRE(service.start().has_value());
  const Reply reply =
      service.post("/api/v1/heals", R"({"playbook": "restart-container", "target": "container/local/nginx"})",
                   "Origin: http://evil.example\r\n");
  CHECK(reply.status == 403);
  const Reply rebound =
      service.post("/api/v1/heals", R"({"playbook": "restart-container", "target": "container/local/nginx"})",
                   "Origin: http://test\r\n");
  CHECK(rebound.status == 403);
  CHECK(service.memory->incidents({}).value().empty());
}

TEST_CASE("faults are injected, listed and undone through the service") {
  Service service;
  REQUIRE(service.start().has_value());
  const std::string stop = R"({"fault": "stop", "target": "container/local/nginx", "for": "60s", "by": "anna"})";
  CHECK(service.get_json("/api/v1/faults") == Json{{"faults", Json::array()}});
  const Reply injected = service.post("/api/v1/faults", stop);
  REQUIRE(injected.status == 201);
  const Json fault = parse_json(injected.body).value()["fault"];
  CHECK(fault["fault"] == "stop");
  CHECK(fault["owner"] == "anna");
  CHECK(service.get_json("/api/v1/faults")["faults"].size() == 1);
  CHECK(service.metric("heal_fault_active{fault=\"stop\"}") == "1");
  CHECK(service.post("/api/v1/faults", stop).status == 409);
  CHECK(service.post("/api/v1/faults", R"({"fault": "melt", "target": "container/local/nginx"})").status == 400);

  const Reply reverted = service.post("/api/v1/faults/revert", R"({"target": "container/local/nginx"})");
  CHECK(reverted.status == 200);
  CHECK(service.engine->inspect("nginx", service.clock->deadline_in(1s), {})->running());
  CHECK(service.metric("heal_fault_active{fault=\"stop\"}") == "0");
  CHECK(parse_json(service.post("/api/v1/faults/revert", R"({"all": true})").body).value()["faults"].is_array());
}

TEST_CASE("a fault that cannot be undone, for something is not found, is not answered as no fault at all") {
  Service service;
  REQUIRE(service.start().has_value());
  const std::string target = R"("target": "container/local/nginx")";
  REQUIRE(service.post("/api/v1/faults", R"({"fault": "stop", )" + target + "}").status == 201);
  service.engine->fail_next("start", Error(ErrorCode::kNotFound, "network back not found"));
  const Reply failed = service.post("/api/v1/faults/revert", "{" + target + "}");
  CHECK(failed.status == 404);
  CHECK(parse_json(failed.body).value()["error"]["message"] == "network back not found");
  CHECK(parse_json(service.post("/api/v1/faults/revert", "{" + target + "}").body).value()["faults"].size() == 1);
  CHECK(service.post("/api/v1/faults/revert", "{" + target + "}").body == "{\"faults\":[]}\n");
}

TEST_CASE("one member of a group is broken at a time, unless a request says otherwise") {
  Service service;
  for (const char* name : {"web1", "web2", "shop"}) {
    SimContainer member;
    member.name = name;
    member.labels = {{"heal.enable", "true"}, {"heal.group", "web"}, {"heal.simulate", "allow"}};
    if (member.name == "shop") member.labels["heal.environment"] = "production";
    service.engine->add(member);
  }
  REQUIRE(service.start().has_value());
  const auto post = [&](const std::string& name, const std::string& more) {
    return service.post("/api/v1/faults",
                        R"({"fault": "pause", "target": "container/local/)" + name + "\"" + more + "}");
  };
  REQUIRE(post("web1", "").status == 201);
  const Reply refused = post("web2", "");
  CHECK(refused.status == 409);
  CHECK(body_of(refused)["error"]["message"] ==
        "group web: container/local/web1 is under a fault: only --ignore-blast-radius (ignore_blast_radius in a "
        "request) breaks container/local/web2");
  CHECK(post("web2", R"(, "dry_run": true)").status == 409);
  CHECK(post("web2", R"(, "ignore_blast_radius": true)").status == 201);
  CHECK(post("nginx", "").status == 201);
  REQUIRE(service.post("/api/v1/faults/revert", R"({"all": true})").status == 200);
  CHECK(post("shop", "").status == 409);
  const Reply meant = post("shop", R"(, "yes_really": true, "page": true)");
  CHECK(meant.status == 201);
  CHECK(body_of(meant)["fault"]["pages"] == true);
}

TEST_CASE("faults that heal.yml does not allow are refused") {
  Service service;
  std::string config = kHealYml;
  config.replace(config.find("faults: {enabled: true}"), 23, "");
  service.write("heal.yml", config);
  REQUIRE(service.start().has_value());
  const Reply reply = service.post("/api/v1/faults", R"({"fault": "stop", "target": "container/local/nginx"})");
  CHECK(reply.status == 409);
  CHECK(parse_json(reply.body).value()["error"]["message"] ==
        "faults are not enabled: heal.yml has no `faults: {enabled: true}`");
  CHECK(service.engine->inspect("nginx", service.clock->deadline_in(1s), {})->running());
}

TEST_CASE("the status is told at once while nothing that it tells of answers") {
  Service service;
  service.engine->set_delay("version", 1h);
  service.alertmanager->set_delay(1h);
  REQUIRE(service.start().has_value());
  // Time stands still: whoever waits for an answer waits for ever.
  const Json status = service.get_json("/api/v1/status");
  CHECK(status["engines"][0]["reachable"].is_null());
  CHECK(status["alertmanagers"][0]["reachable"].is_null());
  service.run_until([&] { return service.get_json("/api/v1/status")["alertmanagers"][0]["reachable"] == false; });
}

TEST_CASE("the status tells what is configured and reachable") {
  Service service;
  REQUIRE(service.start().has_value());
  Json status = service.get_json("/api/v1/status");
  CHECK(members_of(status) == std::vector<std::string>{"accepting", "alertmanagers", "config", "engines",
                                                       "open_incidents", "prometheus", "started_at", "store", "storm",
                                                       "version", "you"});
  CHECK(status["prometheus"].is_null());
  const auto all_are = [&](bool wanted) {
    status = service.get_json("/api/v1/status");
    return status["engines"][0]["reachable"] == wanted && status["alertmanagers"][0]["reachable"] == wanted;
  };
  service.await([&] { return all_are(true); });
  service.engine->go_away();
  service.alertmanager->set_status(make_error(ErrorCode::kUnavailable, "connection refused"));
  service.run_until([&] { return all_are(false); });
  CHECK(!status["engines"][0]["error"].get<std::string>().empty());
  CHECK(service.get_json("/api/v1/playbooks")["playbooks"][0]["name"] == "restart-container");
  CHECK(service.get_json("/health")["status"] == "ok");
  CHECK(service.get("/-/healthy").status == 200);
  CHECK(service.get("/-/ready").status == 200);
}

/// Reads from `client` until `text` came; everything so far.
std::string read_until(httpd::test::RawClient& client, const std::string& text) {
  std::string all;
  while (all.find(text) == std::string::npos) {
    char buffer[4096];
    const ssize_t got = ::recv(client.fd(), buffer, sizeof(buffer), 0);
    INFO(all);
    REQUIRE(got > 0);
    all.append(buffer, static_cast<std::size_t>(got));
  }
  return all;
}

TEST_CASE("who asks for the head of the event stream gets that and nothing more") {
  Service service;
  REQUIRE(service.start().has_value());
  const Reply head = service.send("HEAD", "/api/v1/events", "");
  CHECK(head.status == 200);
  CHECK(head.header("Content-Type").starts_with("text/event-stream"));
  CHECK(head.body.empty());
}

TEST_CASE("the journal is followed as server-sent events, from the start, from where one left off, or from now on") {
  Service service;
  REQUIRE(service.start().has_value());
  httpd::test::RawClient live(service.app->port());
  live.send("GET /api/v1/events HTTP/1.1\r\nHost: test\r\n\r\n");
  read_until(live, "\r\n\r\n");
  const std::string id = heal_once(service);
  const std::string seen = read_until(live, "\"to\":\"closed\"");
  CHECK(seen.find("text/event-stream") == std::string::npos);  // the head was read before
  CHECK(seen.find("id: 1\n") != std::string::npos);
  CHECK(seen.find("event: entry\n") != std::string::npos);
  CHECK(seen.find("\"kind\":\"received\"") != std::string::npos);

  httpd::test::RawClient late(service.app->port());
  late.send("GET /api/v1/events HTTP/1.1\r\nHost: test\r\nLast-Event-ID: 2\r\n\r\n");
  const std::string rest = read_until(late, "\"to\":\"closed\"");
  CHECK(rest.find("text/event-stream") != std::string::npos);
  CHECK(rest.find("id: 3\n") != std::string::npos);
  CHECK(rest.find("id: 2\n") == std::string::npos);
}

}  // namespace
}  // namespace heal::webhook::test
