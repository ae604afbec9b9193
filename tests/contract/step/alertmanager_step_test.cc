#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/remedy/check.h"
#include "common/system/http_alertmanager_api.h"
#include "tests/contract/ports/daemon.h"
#include "tests/contract/step/real_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

/// Debian's Alertmanager.
struct AlertmanagerRig : RealRig {
  AlertmanagerRig() : RealRig("alertmanagers: [{url: 'http://127.0.0.1:1'}]\n") {
    const auto port = free_port();
    std::ofstream(daemon.folder() / "alertmanager.yml")
        << "route: {receiver: none, group_wait: 0s}\nreceivers: [{name: none}]\n";
    daemon.start({"/usr/bin/prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=data",
                  "--cluster.listen-address=", fmt::format("--web.listen-address=127.0.0.1:{}", port)});
    api = std::make_shared<HttpAlertmanagerApi>(http, ApiEndpoint{fmt::format("http://127.0.0.1:{}", port), {}, {}});
    const Deadline deadline = clock.deadline_in(40s);
    while (!api->ready(clock.deadline_in(2s), {})) {
      if (clock.steady_now() > deadline) FAIL("Alertmanager does not start: " << daemon.stop());
      clock.sleep_for(50ms, {});
    }
    bench.world().alertmanagers = {api};
  }
  Daemon daemon;
  std::shared_ptr<HttpAlertmanagerApi> api;
};

TEST_CASE("a heal silences its alert, is not held up by its own silence, and takes it back") {
  AlertmanagerRig rig;
  const Labels labels{{"alertname", "CartDown"}, {"job", "cart"}};
  Alert alert;
  alert.labels = labels;
  REQUIRE(rig.api->post({alert}, rig.clock.deadline_in(10s), {}).has_value());
  const std::string step = "alertmanager.silence: {labels: {alertname: CartDown, job: cart}, for: 10m}, undo: inverse";
  REQUIRE(rig.bench.run(step).kind == Kind::kDone);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  REQUIRE(rig.bench.run(step).kind == Kind::kDone);
  CHECK(rig.api->silences(rig.clock.deadline_in(10s), {})->size() == 1);

  const auto silenced = [&] {
    return !rig.api->find(labels, rig.clock.deadline_in(10s), {}).value()->silenced_by.empty();
  };
  const Deadline patience = rig.clock.deadline_in(20s);
  while (!silenced() && rig.clock.steady_now() < patience)
    rig.clock.sleep_for(50ms, {});
  REQUIRE(silenced());
  Episode episode;
  episode.labels = labels;
  episode.name = "CartDown";
  CHECK(ask_alertmanagers(rig.bench.world(), episode, rig.clock.deadline_in(10s), {}).standing ==
        remedy::AlertStanding::kActive);

  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.api->silences(rig.clock.deadline_in(10s), {})->empty());
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
}

TEST_CASE("an alert of a heal fires, and ends with the undo") {
  AlertmanagerRig rig;
  REQUIRE(rig.bench.run("alertmanager.alert: {name: HealSucceeded, labels: {severity: info}}, undo: inverse").kind ==
          Kind::kDone);
  const auto held = rig.api->alerts(rig.clock.deadline_in(10s), {}).value();
  REQUIRE(held.size() == 1);
  CHECK(label_value(held[0].alert.labels, "alertname") == "HealSucceeded");
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
}

}  // namespace
}  // namespace heal::test
