"""What a running heal-webhook asks goes away and comes back: Alertmanager, Prometheus, the Docker engine, the right time.

Each time the answer is the declared one: what cannot be asked holds the heal, nothing is done twice, nothing is lost, and the
heal happens by itself once the trouble is over.

Run by ctest (label e2e) or by hand: python3 tests/e2e/outage_test.py [-v] [Outage.test_…]
"""

import time
import unittest

import explained
import native
import stack as e2e
import timed

HEAL_YML = """
version: 1
engines: {{local: {{unix: {relay}}}}}
prometheus: {{url: "http://{prometheus}"}}
alertmanagers: [{{url: "http://{alertmanager}"}}]
# As Prometheus is told: an Alertmanager that has just started knows nothing for two of these.
sources: {{alertmanager: {{absence: {{resend_interval: 2s}}}}}}
storm: off
defaults:
  guards:
    cooldown: 100ms
    budget: {{attempts: 20, window: 1m, healthy: 1h}}
    flap: off
    in_flight: {{per_group: 5, total: 10}}
    fresh_evidence: {{timeout: 2s}}
    population: {{timeout: 2s}}
routes:
  - {{match: [alertname="Down"], playbook: restart, target: "container/local/{{{{ labels.container }}}}"}}
  - {{match: [alertname="Listen"], playbook: listen, target: "container/local/{{{{ labels.container }}}}"}}
  - {{match: [alertname="Measured"], playbook: measured, target: "container/local/{{{{ labels.container }}}}"}}
  - {{match: [alertname="Slow"], playbook: slow, target: "container/local/{{{{ labels.container }}}}"}}
  - {{match: [alertname="Asked"], playbook: asked, target: "container/local/{{{{ labels.container }}}}"}}
  - {{match: [alertname="Cool"], playbook: cool, target: "container/local/{{{{ labels.container }}}}"}}
"""

RESTART = """
version: 1
playbook: {name}
mode: {mode}
guards: {guards}
before: {before}
steps:
  - name: restart
    docker.restart: {{grace: {grace}}}
    timeout: 20s
    retry: {{attempts: 3, backoff: 500ms}}
    on_unknown: probe
verify:
  within: {within}
  consecutive: {consecutive}
  interval: 200ms
  timeout: 2s
  all: {verify}
stay_healthy: {stay_healthy}
approval: {approval}
"""


def playbook(name, **changes):
    values = {"mode": "auto", "guards": "{}", "before": "[{check: health, is: failing}]", "grace": "1s", "within": "20s",
              "consecutive": 2, "verify": "[{check: health}, {container: running}]", "stay_healthy": "2s",
              "approval": "{ttl: 20s}", **changes}
    text = RESTART.format(name=name, **values)
    return text if values["mode"] == "approve" else text.rpartition("approval:")[0]


PLAYBOOKS = [
    playbook("restart"),
    # Is not content before Alertmanager says that the alert is over.
    playbook("listen", within="60s", verify="[{check: health}, {alert: resolved}]"),
    playbook("measured", within="60s", before="[{check: promql, query: 'up{job=\"late\"}', is: 0}]",
             verify="[{check: health}, {check: promql, query: 'up{job=\"late\"}', is: 1}]", consecutive=30),
    # A stop takes its whole grace: the lock is held for so long.
    playbook("slow", before="[]", grace="6s", stay_healthy="4s"),
    playbook("asked", mode="approve", before="[]"),
    # Never finds that it helped.
    playbook("cool", before="[]", guards="{cooldown: 12s}", verify="[{container: exited}]", within="1s"),
]

RULES = {name: (e2e.ROOT / "prometheus/fast/rules" / name).read_text() for name in ("self.yml", "healer.yml")}
RULES["web.yml"] = """
groups:
  - name: web
    rules:
      - {alert: Down, expr: 'up{job="web"} == 0'}
"""

LOOP = None


def setUpModule():
    global LOOP
    LOOP = native.Loop(HEAL_YML, PLAYBOOKS, RULES, {"web": {"heal.group": "web"}, "cold": {}, "slow": {}, "late": {},
                                                    "soon": {}})
    try:
        LOOP.start()
    except BaseException:
        LOOP.show_logs()
        tearDownModule()
        raise


def tearDownModule():
    LOOP.stop()


class Outage(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        LOOP.wait_for("a quiet loop", self.is_quiet, 30)
        self.since = time.time()
        LOOP.forget_past()
        self.duplicates = 0
        self.duplicates = self.repeats()

    def is_quiet(self):
        return (all(i["state"] in explained.OVER for i in LOOP.incidents()) and LOOP.serves("web")
                and not LOOP.firing("Down"))

    def tearDown(self):
        if not self._outcome.success:
            LOOP.show_logs()
        try:
            explained.check(LOOP.healctl, LOOP.incidents(), LOOP.timeline)
        finally:
            LOOP.set_clock(0)
            LOOP.bring_all_back()
            LOOP.resolve_all()

    def healed_once(self, name="web", seconds=30):
        incident = LOOP.until(name, "recovered,closed", seconds=seconds)
        self.assertEqual(1, len(LOOP.starts(name, self.since)), "the container was not started exactly once")
        self.assertTrue(LOOP.serves(name))
        return incident

    def stays_held(self, name, guard, reason, questions=2):
        """Held for this reason, and asked about again without anything being done."""
        incident = LOOP.until(name, "held", reason)
        text = LOOP.healctl("explain", incident["id"]).stdout
        self.assertIn(f" {guard} holds it", text)
        asked = lambda: LOOP.ask("webhook", f"/api/v1/incidents/{incident['id']}/explain")[1]["text"]  # noqa: E731
        again = set()
        LOOP.wait_for("to be asked about again", lambda: again.add(asked()) or len(again) > questions or
                      time.time() - self.since > 4)
        now = LOOP.newest(name)
        self.assertEqual((incident["id"], "held", reason, None),
                         (now["id"], now["state"], now["reason"], now["times"]["acted_at"]))
        self.assertEqual([], LOOP.starts(name, self.since), "something was done although it could not be asked")
        return incident

    # --- Alertmanager

    def test_alertmanager_gone_while_a_heal_waits_for_its_guards(self):
        LOOP.healctl("pause", "outage", "--reason", "the test is not ready")
        LOOP.kill("web")
        LOOP.until("web", "held", "paused")
        LOOP.alertmanager.end()
        LOOP.healctl("resume", "outage")
        incident = self.stays_held("web", "fresh_evidence", "alertmanager_unavailable")
        LOOP.alertmanager.start()
        self.assertEqual(incident["id"], self.healed_once()["id"])

    def test_alertmanager_gone_while_a_heal_is_verified(self):
        LOOP.kill("late")
        LOOP.post("Listen", "late")
        incident = LOOP.until("late", "verifying")
        LOOP.alertmanager.end()
        unknown = lambda: [e for e in LOOP.timeline(incident["id"])  # noqa: E731
                           if e["kind"] == "verify" and e["data"]["answer"] == "unknown"]
        LOOP.wait_for("an unknown round", unknown)
        self.assertEqual("verifying", LOOP.newest("late")["state"])
        LOOP.alertmanager.start()
        self.assertEqual(incident["id"], self.healed_once("late")["id"])

    def test_the_watchdog_stays_away_and_a_person_is_called(self):
        dead = lambda: LOOP.firing("HealAlertPathDead")  # noqa: E731
        heard = "heal_last_successful_intake_timestamp_seconds"
        LOOP.wait_for("the watchdog to be heard again and again", lambda: LOOP.query(f"changes({heard}[10s]) > 1"), 30)
        self.assertFalse(dead())
        LOOP.alertmanager.end()
        LOOP.wait_for("the alert path to be called dead", dead, 70)
        LOOP.alertmanager.start()
        LOOP.wait_for("the alert path to be alive", lambda: not dead(), 30)
        self.assertEqual([], LOOP.incidents_since(self.since))

    # --- Prometheus

    def test_prometheus_gone_before_and_after_the_steps(self):
        LOOP.kill("late")
        LOOP.wait_for("the death to be measured", lambda: LOOP.query('up{job="late"}') == [0])
        LOOP.prometheus.end()
        LOOP.post("Measured", "late")
        incident = self.stays_held("late", "before", "check_unknown")
        LOOP.prometheus.start()
        LOOP.until("late", "verifying", seconds=30)
        LOOP.prometheus.end()
        LOOP.wait_for("an unknown round", lambda: any(e["kind"] == "verify" and e["data"]["answer"] == "unknown"
                                                      for e in LOOP.timeline(incident["id"])))
        self.assertEqual("verifying", LOOP.newest("late")["state"])
        LOOP.prometheus.start()
        self.assertEqual(incident["id"], self.healed_once("late")["id"])

    # --- the engine

    def test_engine_gone_before_anything_was_begun(self):
        LOOP.relay.gone()
        LOOP.kill("web")
        incident = self.stays_held("web", "inventory", "engine_unavailable")
        LOOP.relay.back()
        self.assertEqual(incident["id"], self.healed_once()["id"])

    def test_engine_gone_with_the_answer_of_a_restart(self):
        self.lose("answer")

    def test_engine_gone_with_the_request_for_a_restart(self):
        self.lose("request")

    def lose(self, what):
        LOOP.relay.lose = ("/restart", what)
        LOOP.kill("web")
        LOOP.wait_for("the engine to go away in the middle", LOOP.relay.is_gone)
        incident = LOOP.newest("web")
        self.assertEqual("executing", incident["state"])
        time.sleep(2)  # an outage of some length
        LOOP.relay.back()
        self.assertEqual(incident["id"], self.healed_once()["id"])

    def test_engine_that_cannot_list_the_members_of_a_group(self):
        LOOP.relay.deny = "/containers/json"
        LOOP.kill("web")
        incident = self.stays_held("web", "population", "population_unknown")
        LOOP.relay.deny = None
        self.assertEqual(incident["id"], self.healed_once()["id"])

    # --- the time

    def cool(self):
        """A second fault of `cold` within the cooldown of a heal that did not help."""
        LOOP.post("Cool", "cold")
        failed = LOOP.until("cold", "failed")
        LOOP.resolve("Cool", "cold")
        LOOP.wait_for("it to resolve", lambda: LOOP.newest("cold")["times"]["resolved_at"])
        LOOP.post("Cool", "cold")
        held = LOOP.until("cold", "held", "cooldown")
        self.assertNotEqual(failed["id"], held["id"])
        return held

    def cooled_once(self, held):
        """It was acted on again when the cooldown was over by a clock that does not jump, and not before."""
        over = LOOP.until("cold", "failed", seconds=40)
        self.assertEqual(held["id"], over["id"])
        first, second = LOOP.starts("cold", self.since)
        self.assertGreater(second - first, 11)

    def test_clock_an_hour_back_while_everything_is_open(self):
        held = self.cool()
        LOOP.post("Asked", "soon")
        LOOP.post("Asked", "late")
        asked = LOOP.until("late", "awaiting_approval")
        LOOP.until("soon", "awaiting_approval")
        LOOP.post("Slow", "slow")
        running = LOOP.until("slow", "executing")
        LOOP.set_clock(-3600)
        LOOP.healctl("approve", asked["id"])
        self.assertEqual(asked["id"], self.healed_once("late")["id"])
        self.assertEqual("approval_expired", LOOP.until("soon", "suppressed", seconds=60)["reason"])
        self.assertEqual(running["id"], LOOP.until("slow", "closed", seconds=30)["id"])
        self.cooled_once(held)
        LOOP.wait_for("repeats of all alerts", lambda: self.repeats() > 2, 30)
        self.assertEqual([1, 0, 1, 2], [len(LOOP.starts(name, self.since)) for name in ("late", "soon", "slow", "cold")])

    def test_restarted_with_the_clock_an_hour_back(self):
        held = self.cool()
        LOOP.post("Slow", "slow")
        LOOP.until("slow", "recovered", seconds=30)
        LOOP.post("Asked", "soon")
        LOOP.until("soon", "awaiting_approval")
        LOOP.healer.end()
        LOOP.set_clock(-3600)
        LOOP.healer.start()
        LOOP.wait_for("heal-webhook", LOOP.is_ready)
        self.assertEqual("approval_expired", LOOP.until("soon", "suppressed", seconds=60)["reason"])
        LOOP.until("slow", "closed")
        self.cooled_once(held)
        self.assertEqual([0, 1, 2], [len(LOOP.starts(name, self.since)) for name in ("soon", "slow", "cold")])

    def repeats(self):
        text = LOOP.ask("webhook", "/metrics")[1]
        line = next(line for line in text.splitlines() if line.startswith('heal_events_duplicate_total{source="alertmanager"}'))
        return float(line.split()[1]) - self.duplicates


if __name__ == "__main__":
    timed.main()
