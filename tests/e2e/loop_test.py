"""The loop on real parts: a container is broken, nobody touches it, it is healed, and the record says so.

Run by ctest (label e2e) or by hand: python3 tests/e2e/loop_test.py [-v] [Loop.test_…]
"""

import concurrent.futures
import json
import os
import signal
import time
import unittest

import drills
import leases
import stack as e2e
import timed
import walk_on_stack

STACK = None
HEAL_WITHIN = 30
OVER = {"suppressed", "unmatched", "failed", "escalated", "interrupted", "cancelled", "stale"}


def setUpModule():
    global STACK
    STACK = e2e.Stack()
    try:
        STACK.start()
    except BaseException:
        tearDownModule()
        raise


def tearDownModule():
    folder = os.environ.get("HEAL_E2E_LOGS")
    if folder:
        STACK.save_logs(folder)
    if not os.environ.get("HEAL_E2E_KEEP"):
        STACK.stop()


class Loop(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.target = STACK.target("nginx")
        # An incident stays open until it has been healthy for stay_healthy; a fault in that time would join it.
        STACK.wait_for_quiet(self.target, 60, STACK.nginx_serves)
        self.known = {i["id"] for i in STACK.incidents(self.target)}
        self.started = time.time()

    def tearDown(self):
        STACK.check_explanations()

    def new_incidents(self):
        return STACK.new_incidents(self.target, self.known)

    def healed_incident(self):
        """The one incident of this fault, once it has recovered and its alerts have resolved."""
        def settled():
            found = self.new_incidents()
            if not found:
                return None
            incident = STACK.incident(found[0]["id"])
            if not e2e.is_left_alone(incident):
                self.assertNotIn(incident["state"], OVER, json.dumps(incident, indent=1))
            return incident["times"]["verified_at"] and incident["times"]["resolved_at"] and incident

        incident = e2e.wait_for("an incident that is verified and resolved", settled, 2 * HEAL_WITHIN)
        self.assertEqual([incident["id"]], [i["id"] for i in self.new_incidents()])
        return incident

    def check_loop(self, incident, failed_at_known=True):
        """Every stage happened, in order, at times of its own. When a fault began is known (`failed_at_known`) from the engine's
        record of a death or from the service's own lease; nobody records when a container was paused by hand. None: it may be. An
        engine that hears of a death late says at first that the container runs: then it is a failed health check."""
        if failed_at_known and incident["type"] == "HEALTH_CHECK_FAILURE":
            self.assertIsNone(incident["exit_code"])
            failed_at_known = None
        if failed_at_known is None:
            failed_at_known = incident["times"]["failed_at"] is not None
        self.assertEqual("restart-container", incident["playbook"])
        self.assertIn(incident["state"], {"recovered", "closed"})
        self.assertEqual(failed_at_known, incident["times"]["failed_at"] is not None, incident["times"])
        stages = ["failed_at", "detected_at", "decided_at", "acted_at", "verified_at"][0 if failed_at_known else 1:]
        times = {name: e2e.parse_time(incident["times"][name]) for name in [*stages, "resolved_at"]}
        self.assertNotIn(None, times.values(), incident["times"])
        in_order = [times[name] for name in stages]
        self.assertEqual(sorted(in_order), in_order, incident["times"])
        self.assertGreater(times["resolved_at"], times["detected_at"])
        self.assertGreater(in_order[0].timestamp(), self.started - 1)
        mttr = (times["verified_at"] - times["detected_at"]).total_seconds()
        self.assertAlmostEqual(mttr, incident["mttr_seconds"], places=2)
        e2e.wait_for("nginx to serve", STACK.nginx_serves, 5)
        e2e.wait_for_none("the alerts to end", STACK.alerts, 20)

    def break_and_watch(self, break_it, failed_at_known=True):
        break_it()
        incident = self.healed_incident()
        self.check_loop(incident, failed_at_known)
        self.assertEqual(1, STACK.events("nginx", self.started, "start"), "the container was started more than once")
        return incident

    # --- a hand at the engine

    def test_docker_stop_is_healed(self):
        """The alert may come while it is still stopping: then there is no death yet whose time could be known."""
        self.break_and_watch(lambda: STACK.docker("stop", "-t", "10", STACK.prefix + "nginx"), failed_at_known=None)

    def test_docker_kill_is_healed(self):
        self.break_and_watch(lambda: STACK.docker("kill", STACK.prefix + "nginx"))

    def test_docker_pause_is_healed(self):
        self.break_and_watch(lambda: STACK.docker("pause", STACK.prefix + "nginx"), failed_at_known=False)
        self.assertEqual("running", STACK.inspect("nginx")["State"]["Status"])

    def test_a_second_fault_right_after_the_first_is_healed_as_well(self):
        kill = lambda: STACK.docker("kill", STACK.prefix + "nginx")  # noqa: E731
        first = self.break_and_watch(kill)
        e2e.wait_for("the first incident to be closed", lambda: not STACK.open_incidents(self.target), 20, every=0.02)
        self.known.add(first["id"])
        self.started = time.time()
        self.assertNotEqual(first["id"], self.break_and_watch(kill)["id"])

    # --- healctl, through the service's leases

    def simulate(self, fault):
        done = STACK.healctl("simulate-down", self.target, "--fault", fault, "--for", "30s", check=False)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_simulated_stop_is_healed(self):
        self.break_and_watch(lambda: self.simulate("stop"))

    def test_simulated_kill_is_healed(self):
        self.break_and_watch(lambda: self.simulate("kill"))

    def test_simulated_pause_is_healed(self):
        self.break_and_watch(lambda: self.simulate("pause"))

    def test_simulated_crash_by_host_pid_is_healed(self):
        self.break_and_watch(lambda: self.simulate("crash"))

    # --- what must not happen

    def test_a_container_that_did_not_opt_in_is_refused_with_the_reason(self):
        target = STACK.target("protected")
        STACK.docker("kill", STACK.prefix + "protected")
        try:
            decided = lambda: [i for i in STACK.incidents(target) if i["state"] != "received"]  # noqa: E731
            refused = e2e.wait_for("the refusal", decided, HEAL_WITHIN)
            incident = STACK.incident(refused[-1]["id"])
            self.assertEqual(("unmatched", "not_in_inventory"), (incident["state"], incident["reason"]))
            self.assertIn("heal.enable", incident["message"])
            self.assertIsNone(incident["times"]["acted_at"])
            told = lambda: STACK.query('heal_events_duplicate_total{source="alertmanager"}')[0][1]  # noqa: E731
            before = told()
            e2e.wait_for("two more notifications", lambda: told() >= before + 2, 30)
            self.assertEqual("exited", STACK.inspect("protected")["State"]["Status"])
            e2e.wait_for("people to be told", lambda: ("HealNotHealed", "") in STACK.alerts(), 60)
            done = STACK.healctl("simulate-down", target, "--fault", "kill", check=False)
            self.assertEqual(4, done.returncode, done.stderr)
        finally:
            STACK.docker("start", STACK.prefix + "protected")

    def test_the_same_alert_fifty_times_and_from_two_alertmanagers_acts_once(self):
        STACK.docker("kill", STACK.prefix + "nginx")
        incident = e2e.wait_for("an incident", self.new_incidents, HEAL_WITHIN, every=0.02)[0]
        fingerprint, starts_at = next(k for k in incident["episodes"] if k.startswith("am:"))[3:].split(":", 1)
        payloads = [self.payload(fingerprint, starts_at, sender) for sender in ("alertmanager", "twin")]
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            send = lambda n: STACK.webhook("/webhook", payloads[n % 2], ("alertmanager", "ingest"))  # noqa: E731
            answers = list(pool.map(send, range(50)))
        for status, answer in answers:
            self.assertEqual((200, 0, 1), (status, answer["accepted"], answer["duplicates"]), answer)
        self.check_loop(self.healed_incident())
        self.assertEqual(1, STACK.events("nginx", self.started, "start"))

    def payload(self, fingerprint, starts_at, sender):
        labels = {"alertname": "NginxDown", "container": STACK.prefix + "nginx"}
        alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": starts_at,
                 "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": fingerprint}
        return {"version": "4", "groupKey": f"{{}}:{{sender={sender}}}", "truncatedAlerts": 0, "status": "firing",
                "receiver": "heal\\-webhook", "groupLabels": {}, "commonLabels": labels, "commonAnnotations": {},
                "externalURL": f"http://{sender}:9093", "alerts": [alert]}

    def test_a_healer_killed_in_the_middle_forgets_nothing_and_repeats_nothing(self):
        for moment in ("detected_at", "acted_at"):
            with self.subTest(killed_when_known=moment):
                self.setUp()
                STACK.docker("kill", STACK.prefix + "nginx")
                reached = lambda: [i for i in self.new_incidents() if i["times"][moment]]  # noqa: E731
                first = e2e.wait_for(f"{moment} of an incident", reached, HEAL_WITHIN, every=0.01)[0]["id"]
                # A real crash: the engine's restart policy ignores a kill through its own API.
                os.kill(STACK.inspect("heal-webhook")["State"]["Pid"], signal.SIGKILL)
                incident = e2e.wait_for("the incident to be over", lambda: self.over(first), HEAL_WITHIN)
                self.assertLessEqual(STACK.events("nginx", self.started, "start"), 1)
                if incident["state"] == "escalated":
                    # Killed between intent and outcome, and the checks do not pass: it must wait for a person. Be one.
                    e2e.wait_for("people to be told", lambda: ("HealFailed", "") in STACK.alerts(), 20)
                    STACK.docker("start", STACK.prefix + "nginx")
                else:
                    self.assertIn(incident["state"], {"recovered", "closed"}, json.dumps(incident, indent=1))
                    self.assertEqual([first], [i["id"] for i in self.new_incidents()])
                    self.assertTrue(STACK.nginx_serves())
                e2e.wait_for_none("the alerts to end", STACK.alerts, 20)

    def over(self, incident_id):
        incident = STACK.incident(incident_id)
        return incident if incident["state"] in OVER | {"recovered", "closed"} else None

    # --- the stack itself

    def test_intake_without_credentials_is_refused(self):
        payload = self.payload("00c0ffee00c0ffee", "2030-01-02T03:04:05Z", "nobody")
        self.assertEqual(401, STACK.http("WEBHOOK_PORT", "/webhook", payload)[0])

    def test_a_new_password_is_taken_by_the_running_service(self):
        before = STACK.secret("operator")
        STACK.renew_password("operator")
        self.assertNotEqual(STACK.secret("operator"), before)
        e2e.wait_for("the new password to be good", lambda: STACK.webhook("/api/v1/status")[0] == 200, 30)

    def test_containers_are_confined(self):
        for name in ("nginx", "protected", "heal-actuator", "heal-exporter", "heal-webhook", "prometheus", "alertmanager"):
            with self.subTest(container=name):
                container = STACK.inspect(name)
                host = container["HostConfig"]
                self.assertNotIn(container["Config"]["User"].split(":")[0], {"", "0", "root"})
                self.assertTrue(host["ReadonlyRootfs"])
                self.assertEqual(["ALL"], host["CapDrop"])
                self.assertIn("no-new-privileges:true", host["SecurityOpt"])
                self.assertGreater(host["Memory"], 0)
                published = [b["HostIp"] for p in (host["PortBindings"] or {}).values() for b in p]
                self.assertEqual({"127.0.0.1"}, {*published, "127.0.0.1"})
                has_socket = any("docker.sock" in bind for bind in host["Binds"] or [])
                self.assertEqual(name == "heal-actuator", has_socket)

    def test_every_action_went_through_the_actuator(self):
        self.break_and_watch(lambda: STACK.docker("kill", STACK.prefix + "nginx"))
        logs = e2e.run("docker", "logs", STACK.prefix + "heal-actuator").stderr
        lines = [line for line in logs.splitlines() if "verb=restart" in line]
        self.assertTrue(lines, logs[-2000:])
        self.assertIn(f"container={STACK.prefix}nginx", lines[-1])
        self.assertIn("uid=10001", lines[-1])
        self.assertIn("decision=allowed", lines[-1])
        done = 'heal_actuator_calls_total{verb="restart",outcome="done"} > 0'
        e2e.wait_for("its metrics", lambda: STACK.query(done), 30)

    def test_metrics_follow_the_conventions(self):
        for port, user in (("EXPORTER_PORT", None), ("WEBHOOK_PORT", ("prometheus", "viewer"))):
            with self.subTest(port=port):
                status, text = STACK.http(port, "/metrics", user=user)
                self.assertEqual(200, status)
                checked = e2e.subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
                self.assertEqual("", checked.stdout + checked.stderr)

    def test_container_and_probe_metrics_reach_prometheus(self):
        name = STACK.prefix + "nginx"
        self.assertEqual([1.0], [v for _, v in STACK.query(f'heal_container_up{{container="{name}"}}')])
        self.assertEqual([1.0], [v for _, v in STACK.query(f'heal_container_state{{container="{name}",state="running"}}')])
        self.assertEqual(1, len(STACK.query(f'heal_container_memory_bytes{{container="{name}"}} > 0')))
        self.assertTrue(STACK.query('heal_probe_success == 1'))


class Drills(drills.Drills):
    @classmethod
    def setUpClass(cls):
        cls.stack = STACK


class Leases(leases.Leases):
    @classmethod
    def setUpClass(cls):
        cls.stack = STACK


class Walk(walk_on_stack.Walk):
    @classmethod
    def setUpClass(cls):
        cls.stack = STACK


def load_tests(loader, _tests, _pattern):
    """What wipes the service's store comes last."""
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Loop, Drills, Walk, Leases))


if __name__ == "__main__":
    timed.main()
