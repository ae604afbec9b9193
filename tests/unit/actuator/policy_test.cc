#include "webhook/actuator/policy.h"

#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "webhook/actuator/rate_cap.h"

namespace heal::actuator {
namespace {

ActuatorConfig config() {
  ActuatorConfig out;
  out.allow = {{{Verb::kInspect, Verb::kList}, {{"heal.enable", "true"}}, {}},
               {{Verb::kRestart}, {{"heal.enable", "true"}, {"tier", "web"}}, {3, 1min}}};
  out.faults.enabled = true;
  out.faults.helper_image = "promheal:local";
  out.faults.networks = {*Regex::compile("demo_.*")};
  return out;
}

ContainerInfo container(std::string name, Labels labels, std::string image = "nginx:1") {
  ContainerInfo out;
  out.id = std::string(64, 'd');
  out.name = std::move(name);
  out.labels = std::move(labels);
  out.image = std::move(image);
  return out;
}

Reason reason_of(const Policy& policy, Verb verb, const ContainerInfo& info) {
  const auto decided = policy.decide(verb, info);
  const auto* refusal = std::get_if<Refusal>(&decided);
  return refusal == nullptr ? Reason::kAllowed : refusal->reason;
}

TEST_CASE("a verb needs a rule whose labels the container has, all of them") {
  const Policy policy(config(), "");
  const auto web = container("web", {{"heal.enable", "true"}, {"tier", "web"}});
  const auto db = container("db", {{"heal.enable", "true"}});
  const auto other = container("other", {{"heal.enable", "yes"}});
  CHECK(reason_of(policy, Verb::kInspect, db) == Reason::kAllowed);
  CHECK(reason_of(policy, Verb::kRestart, web) == Reason::kAllowed);
  CHECK(reason_of(policy, Verb::kRestart, db) == Reason::kNotAllowed);
  CHECK(reason_of(policy, Verb::kInspect, other) == Reason::kNotAllowed);
  CHECK(reason_of(policy, Verb::kStop, web) == Reason::kNotAllowed);
  CHECK(reason_of(policy, Verb::kRemove, web) == Reason::kNotAllowed);
  CHECK(reason_of(policy, Verb::kCreate, web) == Reason::kNotAllowed);
}

TEST_CASE("a part of the monitoring is never acted on, whatever its labels allow") {
  const Policy policy(config(), std::string(12, 'e'));
  Labels labels{{"heal.enable", "true"}, {"tier", "web"}, {"heal.simulate", "allow"}};
  auto with = [&](const std::string& name, const std::string& value) {
    Labels more = labels;
    more[name] = value;
    return container("x", more);
  };
  auto own = container("x", labels);
  own.id = std::string(64, 'e');
  for (const auto& info :
       {container("prometheus", labels), container("x", labels, "registry:5000/prom/Alertmanager:v1@sha256:0"),
        with("heal.role", "heal-actuator"), with("com.docker.compose.service", "heal-webhook"), own}) {
    CAPTURE(info.name, info.image);
    CHECK(reason_of(policy, Verb::kRestart, info) == Reason::kProtected);
    CHECK(reason_of(policy, Verb::kKill, info) == Reason::kProtected);
    CHECK(reason_of(policy, Verb::kInspect, info) == Reason::kAllowed);
  }
}

TEST_CASE("faults reach only containers that allow them, and only while enabled") {
  const auto open = container("x", {{"heal.simulate", "allow"}});
  const auto closed = container("y", {{"heal.enable", "true"}});
  auto off = config();
  off.faults.enabled = false;
  for (const Verb verb : {Verb::kStop, Verb::kKill, Verb::kPause, Verb::kUnpause, Verb::kNetworkConnect,
                          Verb::kNetworkDisconnect, Verb::kCreate}) {
    CAPTURE(to_string(verb));
    CHECK(reason_of(Policy(config(), ""), verb, open) == Reason::kAllowed);
    CHECK(reason_of(Policy(config(), ""), verb, closed) == Reason::kNotAllowed);
    CHECK(reason_of(Policy(off, ""), verb, open) == Reason::kNotAllowed);
  }
  CHECK(Policy(config(), "").may_cut("demo_web"));
  CHECK_FALSE(Policy(config(), "").may_cut("host"));
}

TEST_CASE("only a fault helper can be waited for, stopped and removed") {
  const Policy policy(config(), "");
  const auto helper = container("heal-fault-helper-1-2", {{"heal.role", "fault-helper"}}, "promheal:local");
  CHECK(reason_of(policy, Verb::kRemove, helper) == Reason::kAllowed);
  CHECK(reason_of(policy, Verb::kWait, helper) == Reason::kAllowed);
  CHECK(reason_of(policy, Verb::kStop, helper) == Reason::kAllowed);
  CHECK(reason_of(policy, Verb::kList, helper) == Reason::kAllowed);
  CHECK(reason_of(policy, Verb::kRestart, helper) == Reason::kProtected);
  auto imposter = helper;
  imposter.image = "nginx:1";
  CHECK(reason_of(policy, Verb::kRemove, imposter) == Reason::kNotAllowed);
  CHECK(reason_of(policy, Verb::kList, imposter) == Reason::kNotAllowed);
  imposter = helper;
  imposter.name = "shop";
  CHECK(reason_of(policy, Verb::kRemove, imposter) == Reason::kProtected);
}

TEST_CASE("a fault helper from before an upgrade can be seen and ended") {
  const Policy policy(config(), "");
  const auto reasons_of = [&](const std::string& image) {
    const auto helper = container("heal-fault-helper-1-2", {{"heal.role", "fault-helper"}}, image);
    std::vector<Reason> reasons;
    for (const Verb verb : {Verb::kList, Verb::kInspect, Verb::kStop, Verb::kRemove})
      reasons.push_back(reason_of(policy, verb, helper));
    return reasons;
  };
  const Reason yes = Reason::kAllowed, no = Reason::kNotAllowed;
  CHECK(reasons_of("promheal:before") == std::vector{yes, yes, yes, yes});
  // A list's name for an image whose name stands for another one by now; an inspection has the name of then.
  CHECK(reasons_of("sha256:" + std::string(64, 'a')) == std::vector{yes, no, no, no});
}

TEST_CASE("a helper image that is an id stands for itself alone") {
  auto by_id = config();
  by_id.faults.helper_image = "sha256:" + std::string(64, 'b');
  const Policy policy(by_id, "");
  const Labels role{{"heal.role", "fault-helper"}};
  CHECK(reason_of(policy, Verb::kRemove, container("heal-fault-helper-1", role, by_id.faults.helper_image)) ==
        Reason::kAllowed);
  CHECK(reason_of(policy, Verb::kRemove, container("heal-fault-helper-1", role, "sha256:" + std::string(64, 'a'))) ==
        Reason::kNotAllowed);
}

std::string words_of(const std::optional<Refusal>& refusal) {
  return refusal ? refusal->message : "";
}

TEST_CASE("a network is broken only when all who share it have agreed") {
  const Policy policy(config(), std::string(12, 'e'));
  auto web = container("web", {{"heal.simulate", "allow"}});
  web.id = std::string(64, 'a');
  web.network_mode = "demo_web";
  const auto objection = [&](ContainerInfo sidecar) {
    sidecar.network_mode = "container:" + web.id;
    sidecar.status = "running";
    return words_of(policy.refuse_broken_network(Verb::kCreate, web, {web, sidecar}));
  };
  const Labels agreed{{"heal.simulate", "allow"}};
  const std::string head = "create of web: side uses its network: ";
  CHECK(objection(container("side", {})) == head + "it has no label heal.simulate=allow");
  CHECK(objection(container("side", agreed)).empty());
  CHECK(objection(container("side", agreed, "prom/prometheus:v2")) == head + "its image prometheus is protected");
  auto own = container("side", agreed);
  own.id = std::string(64, 'e');
  CHECK(objection(own) == head + "it is the one the actuator runs in");
  Labels production = agreed;
  production["heal.environment"] = "Production";
  CHECK(objection(container("side", production)) ==
        head + "it is in production (label heal.environment), and no rule allows to list it");
  production["heal.enable"] = "true";
  CHECK(objection(container("side", production)).empty());
  CHECK(objection(container("heal-fault-helper-1", {{"heal.role", "fault-helper"}}, "sha256:ab")).empty());
}

TEST_CASE("a network that is not the container's own is not broken for it") {
  const Policy policy(config(), "");
  auto web = container("web", {{"heal.simulate", "allow"}});
  for (const std::string mode : {"host", "container:db"}) {
    web.network_mode = mode;
    CHECK(words_of(policy.refuse_broken_network(Verb::kNetworkDisconnect, web, {web})) ==
          "network_disconnect of web: its network is not its own");
  }
  web.network_mode = "demo_web";
  CHECK_FALSE(policy.refuse_broken_network(Verb::kNetworkDisconnect, web, {web}));
}

TEST_CASE("a bucket empties, refuses, and fills again evenly") {
  FakeClock clock;
  RateCap cap(clock);
  const RateLimit own{2, 1min}, total{100, 1min};
  CHECK_FALSE(cap.take("a", own, total));
  CHECK_FALSE(cap.take("a", own, total));
  const auto over = cap.take("a", own, total);
  REQUIRE(over);
  CHECK(over->which == RateCap::Exceeded::Which::kOwn);
  CHECK(std::chrono::round<std::chrono::seconds>(over->retry_after) == 30s);
  CHECK_FALSE(cap.take("b", own, total));
  clock.advance(30s);
  CHECK_FALSE(cap.take("a", own, total));
  CHECK(cap.take("a", own, total));
}

TEST_CASE("what all share runs out too, and a refusal costs nothing") {
  FakeClock clock;
  RateCap cap(clock);
  const RateLimit own{5, 1min}, total{3, 1min};
  CHECK_FALSE(cap.take("a", own, total));
  CHECK_FALSE(cap.take("b", own, total));
  CHECK_FALSE(cap.take("c", own, total));
  for (int i = 0; i < 10; ++i) {
    const auto over = cap.take("d", own, total);
    REQUIRE(over);
    CHECK(over->which == RateCap::Exceeded::Which::kTotal);
  }
  clock.advance(20s);
  CHECK_FALSE(cap.take("d", own, total));
}

TEST_CASE("a long window is kept while many containers come and go") {
  FakeClock clock;
  RateCap cap(clock);
  const RateLimit weekly{1, 168h}, own{5, 1min}, total{10'000, 168h};
  CHECK_FALSE(cap.take("a", weekly, total));
  clock.advance(48h);
  for (int i = 0; i < 5000; ++i)
    (void)cap.take("other " + std::to_string(i), own, total);
  CHECK(cap.take("a", weekly, total));
}

}  // namespace
}  // namespace heal::actuator
