#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

std::string book(const std::string& name, const std::string& step, const std::string& escalate) {
  return "version: 1\nplaybook: " + name + "\nmode: auto\nsteps:\n  - name: only\n    " + step +
         "\nverify:\n  within: 5s\n  consecutive: 1\n  all: [{check: health}]\nstay_healthy: 30s\nescalate: [" +
         escalate + "]\n";
}

const char* const kLookOnly = "docker.inspect: {}";

void break_it(Rig& rig) {
  rig.engine->crash("nginx", 1);
  rig.engine->forget_calls();
}

std::size_t count_of(const std::vector<std::string>& kinds, const std::string& kind) {
  return static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), kind));
}

/// The alerts HealFailed that were posted.
std::vector<Alert> pages(Rig& rig) {
  auto posted = rig.alertmanager->posted();
  std::erase_if(posted, [](const Alert& alert) { return label_value(alert.labels, "alertname") != "HealFailed"; });
  return posted;
}

TEST_CASE("when a playbook does not help, the next one begins on the same incident without waiting") {
  Rig rig(book("restart-container", kLookOnly, "start-it, page"));
  rig.add_playbook(book("start-it", "docker.start: {}", ""));
  break_it(rig);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const Incident healed = rig.run_to(IncidentState::kClosed);
  CHECK(rig.incidents().size() == 1);
  CHECK(healed.playbook == "start-it");
  CHECK(healed.attempt == 2);
  CHECK(healed.times.verified_at.has_value());
  CHECK(count_of(rig.kinds(healed.id), "escalated") == 1);
  CHECK(pages(rig).empty());
}

TEST_CASE("the last rung is a human: HealFailed is posted, refreshed, and ended with the alert") {
  Rig rig(book("restart-container", kLookOnly, "page"));
  rig.engine->append_log("nginx", "out of cheese");
  break_it(rig);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  const Incident escalated = rig.run_to(IncidentState::kEscalated);
  CHECK(escalated.reason == "not_verified");
  rig.run_until([&] { return pages(rig).size() >= 3; });
  const Alert page = pages(rig).front();
  CHECK(label_value(page.labels, "heal_incident") == escalated.id);
  CHECK(label_value(page.labels, "heal_target") == "container/local/nginx");
  REQUIRE(page.ends_at.has_value());
  CHECK(*page.ends_at > page.starts_at);
  CHECK(pages(rig).back().starts_at == page.starts_at);
  const auto kinds = rig.kinds(escalated.id);
  CHECK(count_of(kinds, "evidence") == 1);
  CHECK(count_of(kinds, "page") == 1);
  for (const auto& entry : rig.timeline(escalated.id)) {
    if (entry.kind == "evidence") CHECK(entry.data.find("out of cheese") != std::string::npos);
  }
  // Our own alert comes back, and is no evidence of anything.
  Alert own = page;
  own.fingerprint = fingerprint_of(own.labels);
  CHECK(rig.post(Rig::group_of({own}))->accepted == 0);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)}))->accepted == 1);
  CHECK(rig.newest().state == IncidentState::kClosed);
  rig.await([&] { return *pages(rig).back().ends_at <= rig.clock.now(); });
  CHECK(rig.incidents().size() == 1);
}

TEST_CASE("an Alertmanager that is down is told later, also after a restart") {
  Rig rig(book("restart-container", kLookOnly, "page"));
  break_it(rig);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_to(IncidentState::kVerifying);
  rig.alertmanager->set_status(make_error(ErrorCode::kUnavailable, "connection refused"));
  const Incident escalated = rig.run_to(IncidentState::kEscalated);
  rig.run_until([&] { return count_of(rig.kinds(escalated.id), "page") == 1; });
  rig.kill();
  rig.alertmanager->set_status({});
  rig.start();
  rig.run_until([&] { return !pages(rig).empty(); });
  CHECK(rig.newest().state == IncidentState::kEscalated);
}

const std::string kMailYml = std::string(kHealYml) + R"(notify:
  email: {smarthost: "mail:25", from: heal@example.net, to: [ops@example.net], tls: "off"}
)";

TEST_CASE("while no Alertmanager listens a human is mailed, once, and told all the same later, also after a restart") {
  Rig rig(book("restart-container", kLookOnly, "page"), kMailYml);
  rig.mailer.add_server("mail:25");
  rig.mailer.fail_next(make_error(ErrorCode::kUnreachable, "no route to host"));
  break_it(rig);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_to(IncidentState::kVerifying);
  rig.alertmanager->set_status(make_error(ErrorCode::kUnavailable, "connection refused"));
  const Incident escalated = rig.run_to(IncidentState::kEscalated);
  rig.run_until([&] { return rig.mailer.taken().size() == 1; });
  const Mail mail = rig.mailer.taken().front();
  CHECK(mail.to == std::vector<std::string>{"ops@example.net"});
  CHECK(mail.text.find("\r\nNginxDown on container/local/nginx could not be healed") != std::string::npos);
  CHECK(mail.text.find(escalated.id) != std::string::npos);
  rig.run_until([&] { return count_of(rig.kinds(escalated.id), "page") == 2; });  // failed, then mailed
  rig.kill();
  rig.start();
  const WallTime later = rig.clock.now() + 2min;
  rig.run_until([&] { return rig.clock.now() >= later; });
  CHECK(rig.mailer.taken().size() == 1);
  rig.alertmanager->set_status({});
  rig.run_until([&] { return !pages(rig).empty(); });
  CHECK(rig.metrics.expose().find("heal_pages_total{channel=\"mail\",result=\"told\"} 1") != std::string::npos);
  CHECK(rig.metrics.expose().find("heal_pages_total{channel=\"mail\",result=\"failed\"} 1") != std::string::npos);
}

TEST_CASE("who can be told by Alertmanager is not mailed") {
  Rig rig(book("restart-container", kLookOnly, "page"), kMailYml);
  rig.mailer.add_server("mail:25");
  break_it(rig);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_until([&] { return !pages(rig).empty(); });
  CHECK(rig.mailer.taken().empty());
}

/// An injected fault breaks nginx, and no playbook helps.
FaultLease break_on_purpose(Rig& rig, bool pages) {
  const FaultLease lease = rig.inject(pages);
  break_it(rig);
  return lease;
}

std::string messages(Rig& rig, const std::string& id, const std::string& kind) {
  std::string out;
  for (const auto& entry : rig.timeline(id))
    if (entry.kind == kind) out += entry.message + "\n";
  return out;
}

TEST_CASE("people are not told of a drill, unless it is not over some time after its fault") {
  Rig rig(book("restart-container", kLookOnly, "page"));
  FaultLease lease = break_on_purpose(rig, false);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const Incident escalated = rig.run_to(IncidentState::kEscalated);
  CHECK(escalated.drill == lease.id);
  CHECK(escalated.times.failed_at == lease.injected_at);
  CHECK(messages(rig, escalated.id, "drill") ==
        fmt::format("a drill: ops injected fault kill into it, until {}\n", format_rfc3339(lease.deadline)));
  rig.run_until([&] { return count_of(rig.kinds(escalated.id), "page") == 1; });
  const WallTime quiet_until = lease.deadline + kDrillRest;
  CHECK(messages(rig, escalated.id, "page") ==
        fmt::format("nobody is told: it is a drill (fault 01J8ZQ4T9M5V6W7X8Y9ZABCDEF); HealFailed is posted if it is "
                    "not over 5m after the fault is undone, at {} at the latest\n",
                    format_rfc3339(quiet_until)));
  lease.state = FaultLease::State::kReverted;
  REQUIRE(rig.store->commit({PutLease{lease}}));
  rig.kill();
  rig.start();
  rig.run_until([&] { return !pages(rig).empty(); });
  CHECK(rig.clock.now() >= quiet_until);
  CHECK(label_value(pages(rig).front().labels, "heal_drill") == lease.id);
  CHECK(label_value(pages(rig).front().annotations, "summary") ==
        "drill: NginxDown on container/local/nginx could not be healed");
  CHECK(count_of(rig.kinds(escalated.id), "page") == 2);
}

TEST_CASE("a fault that is undone before its time brings the call for people forward") {
  Rig rig(book("restart-container", kLookOnly, "page"));
  FaultLease lease = break_on_purpose(rig, false);
  lease.deadline = lease.injected_at + kLongestFault;
  REQUIRE(rig.store->commit({PutLease{lease}}));
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const Incident escalated = rig.run_to(IncidentState::kEscalated);
  rig.run_until([&] { return count_of(rig.kinds(escalated.id), "page") == 1; });
  lease.state = FaultLease::State::kReverted;
  lease.reverted_at = rig.clock.now() + 1min;
  REQUIRE(rig.store->commit({PutLease{lease}}));
  rig.run_until([&] { return !pages(rig).empty(); });
  CHECK(rig.clock.now() >= *lease.reverted_at + kDrillRest);
  CHECK(rig.clock.now() < *lease.reverted_at + kDrillRest + 1min);
}

TEST_CASE("the incident of a drill that is over in time is closed, and nobody was told") {
  Rig rig(book("restart-container", kLookOnly, "page"));
  break_on_purpose(rig, false);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  const Incident escalated = rig.run_to(IncidentState::kEscalated);
  rig.run_until([&] { return count_of(rig.kinds(escalated.id), "page") == 1; });
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)}))->accepted == 1);
  CHECK(rig.newest().state == IncidentState::kClosed);
  CHECK(rig.newest().drill == "01J8ZQ4T9M5V6W7X8Y9ZABCDEF");
  CHECK(pages(rig).empty());
}

TEST_CASE("a drill that asks for it reaches people at once") {
  Rig rig(book("restart-container", kLookOnly, "page"));
  const FaultLease lease = break_on_purpose(rig, true);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_until([&] { return !pages(rig).empty(); });
  CHECK(rig.clock.now() < lease.deadline);
  CHECK(label_value(pages(rig).front().labels, "heal_drill") == lease.id);
}

TEST_CASE("more evidence on an escalated target is the human's: nothing is done by itself") {
  Rig rig(book("restart-container", kLookOnly, "page"));
  break_it(rig);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_to(IncidentState::kEscalated);
  Alert other = rig.fire();
  other.labels["instance"] = "b";
  other.fingerprint = fingerprint_of(other.labels);
  REQUIRE(rig.post(Rig::group_of({other}))->accepted == 1);
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.newest().attempt == 1);
}

TEST_CASE("a rung that is the same playbook is another attempt: it waits for the cooldown") {
  Rig rig(book("restart-container", kLookOnly, "restart-container, page"));
  break_it(rig);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_until([&] { return rig.newest().reason == "cooldown"; });
  CHECK(rig.newest().attempt == 1);
  const Incident escalated = rig.run_to(IncidentState::kEscalated);
  CHECK(escalated.attempt == 2);
}

TEST_CASE("attempts that are used up go to the human at once") {
  std::string text = book("restart-container", kLookOnly, "start-it, page");
  text.replace(text.find("mode: auto"), 10, "mode: auto\nguards: {budget: {attempts: 1, window: 1h}}");
  std::string second = book("start-it", "docker.start: {}", "");
  second.replace(second.find("mode: auto"), 10, "mode: auto\nguards: {budget: {attempts: 1, window: 1h}}");
  Rig rig(text);
  rig.add_playbook(second);
  break_it(rig);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  CHECK(rig.run_to(IncidentState::kEscalated).reason == "budget_exhausted");
  CHECK(rig.changes().empty());
}

TEST_CASE("an escalated incident that a person closes ends") {
  Rig rig(book("restart-container", kLookOnly, "page"));
  break_it(rig);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_to(IncidentState::kEscalated);
  CHECK(rig.operate({OperatorRequest::Verb::kCancel, rig.newest().id, "ann", "", ""})->state == IncidentState::kClosed);
}

TEST_CASE("a rung for which no plan can be made is passed over, and the human is told") {
  Rig rig(book("restart-container", kLookOnly, "start-it, page"));
  rig.add_playbook(book("start-it", "docker.start: {}\n    target: container/local/nobody", ""));
  break_it(rig);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  CHECK(rig.run_to(IncidentState::kEscalated).reason == "plan_invalid");
  CHECK(rig.newest().playbook == "start-it");
}

}  // namespace
}  // namespace heal::remedy::test
