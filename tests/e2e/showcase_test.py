"""The five systems that this project grew from, on one start of the showcase stack: each is broken as its own documents say,
nobody touches it, and it must be healed and recorded as they promise.

Run by ctest (label showcase) or by hand: python3 tests/e2e/showcase_test.py [-v] [Failover.test_…]
"""

import json
import os
import re
import shutil
import sys
import time
import unittest

import stack as e2e
from showcase import Client, Showcase

STACK = None
WITHIN = 60
OVER_BADLY = {"suppressed", "unmatched", "failed", "escalated", "interrupted", "cancelled", "stale"}


def setUpModule():
    global STACK
    STACK = Showcase()
    try:
        STACK.start()
        STACK.docker("stop", "-t", "1", STACK.prefix + "cloud")
    except BaseException:
        tearDownModule()
        raise


def tearDownModule():
    folder = os.environ.get("HEAL_E2E_LOGS")
    if folder:
        STACK.save_logs(folder)
    if not os.environ.get("HEAL_E2E_KEEP"):
        STACK.stop()


class Scenario(unittest.TestCase):
    maxDiff = None
    container = "nginx"

    def setUp(self):
        e2e.wait_for("a quiet stack", lambda: STACK.alerts() == [], WITHIN)
        self.target = STACK.target(self.container)
        e2e.wait_for("earlier incidents to be closed", self.nothing_open, WITHIN)
        self.known = {i["id"] for i in STACK.incidents(self.target)}
        self.started = time.time()

    def tearDown(self):
        """Every scenario ends with everything clean."""
        e2e.wait_for("the alerts to end", lambda: STACK.alerts() == [], WITHIN)
        e2e.wait_for("the incident to be closed", self.nothing_open, WITHIN)

    def nothing_open(self):
        return all(i["state"] in OVER_BADLY | {"closed"} for i in STACK.incidents(self.target))

    def new_incidents(self):
        return [i for i in STACK.incidents(self.target) if i["id"] not in self.known]

    def incident_until(self, what, seconds=WITHIN):
        """The one incident of this fault, once `what` of it is true."""
        first = e2e.wait_for(f"an incident of {self.target}", self.new_incidents, seconds, every=0.05)[0]["id"]

        def there():
            incident = STACK.incident(first)
            self.assertNotIn(incident["state"], OVER_BADLY, json.dumps([incident, STACK.timeline(first)], indent=1))
            return what(incident) and incident

        incident = e2e.wait_for(f"incident {first}", there, seconds)
        self.assertEqual([first], [i["id"] for i in self.new_incidents()])
        return incident

    def healed(self, seconds=WITHIN):
        return self.incident_until(lambda i: i["times"]["verified_at"] and i["times"]["resolved_at"], seconds)

    def messages(self, incident, kind):
        return [entry["message"] for entry in STACK.timeline(incident["id"]) if entry["kind"] == kind]

    def steps_done(self, incident):
        return [entry["data"] for entry in STACK.timeline(incident["id"]) if entry["kind"] == "step_outcome"]

    def drill_here(self, path):
        """The drill's file for this stack: its containers and its ports."""
        copy = STACK.work / path.name
        shutil.copy(path, copy)
        e2e.edit(copy, r"target: container/local/([\w-]+)", rf"target: container/local/{STACK.prefix}\1")
        text = copy.read_text()
        for default, name in (("5000", "API_PORT"), ("5001", "DEMO_API_PORT")):
            text = text.replace(f"http://localhost:{default}/", f"http://127.0.0.1:{STACK.ports[name]}/")
        copy.write_text(text)
        return copy

    def drill(self, path):
        """Runs the drill as a user does, and gives its report."""
        done = STACK.healctl("drill", "run", self.drill_here(path), "-o", "json", "--prometheus",
                             f"http://127.0.0.1:{STACK.ports['PROMETHEUS_PORT']}", check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        ended = [(stage["stage"], stage["result"]) for stage in report["stages"]]
        self.assertEqual({"ok"}, {result for _, result in ended}, ended)
        self.assertEqual(["steady", "inject", "decision", "heal", "untouched", "revert", "steady again"],
                         [stage for stage, _ in ended if stage not in ("alert", "detect", "resolved")])
        listed = json.loads(STACK.healctl("faults", "list", "-o", "json").stdout)
        leases = listed["faults"] if isinstance(listed, dict) else listed
        self.assertEqual([], [lease for lease in leases if lease["state"] != "reverted"])
        text = ", ".join(f"{name} {at:.2f} s" for name, at in report["seconds_since_fault"].items() if at is not None)
        print(f"{path.stem}: {text}")
        return report


class Failover(Scenario):
    """C: on-prem and cloud behind one address."""

    container = "onprem"

    def is_running(self, name):
        return STACK.inspect(name)["State"]["Running"]

    def test_clients_are_served_by_the_cloud_until_on_prem_is_back(self):
        self.assertFalse(self.is_running("cloud"))
        mails = len(STACK.mails())
        client = Client(f"http://127.0.0.1:{STACK.ports['API_PORT']}/api")
        try:
            e2e.wait_for("on-prem serving", lambda: client.servers == ["onprem"], 30)
            STACK.docker("stop", "-t", "1", STACK.prefix + "onprem")
            incident = self.incident_until(lambda i: i["times"]["verified_at"])
            self.assertEqual("failover", incident["playbook"])
            self.assertTrue(self.is_running("cloud"))
            e2e.wait_for("the cloud serving", lambda: client.servers == ["onprem", "cloud"], 30)
            # Not before on-prem is back, however long that takes.
            e2e.wait_for("it to have stayed healthy", lambda: STACK.incident(incident["id"])["state"] == "recovered", 30)
            self.assertTrue(self.is_running("cloud"))

            STACK.docker("start", STACK.prefix + "onprem")
            self.incident_until(lambda i: i["state"] == "closed")
            self.assertFalse(self.is_running("cloud"))
            e2e.wait_for("on-prem serving again", lambda: client.servers == ["onprem", "cloud", "onprem"], 30)
        finally:
            client.stop()
        print(f"asked {client.asked} times, {len(client.failures)} failed, the slowest answer took {client.slowest:.2f} s; failures: {client.failures}")
        self.assertLessEqual(client.failed_seconds(), 1, client.failures)
        told = [mail["subject"] for mail in STACK.mails()[mails:]]
        self.assertEqual([f"Failed over: {STACK.prefix}onprem is down, the cloud serves",
                          f"Failed back: {STACK.prefix}onprem serves again"], told)


class Nginx(Scenario):
    """A and B: nginx, healed by Ansible; what eats its CPU or its memory is found and ended."""

    def exec(self, script):
        STACK.docker("exec", "-d", STACK.prefix + "nginx", "sh", "-c", script)

    def runs(self, name):
        """Whether a process of that name runs in the container; the engine says so, not the healer."""
        listed = STACK.docker("top", STACK.prefix + "nginx", "-o", "pid,comm")
        return any(line.split()[1:] == [name] for line in listed.splitlines())

    def test_down_and_hanging_are_healed_by_ansible_and_resolved(self):
        worker = 'for p in /proc/[0-9]*; do ! grep -q "worker[ ]process" $p/cmdline || kill -STOP ${p#/proc/}; done'
        for status, exit_code, fault in (("exited", 0, lambda: STACK.docker("stop", "-t", "1", STACK.prefix + "nginx")),
                                         ("paused", None, lambda: STACK.docker("pause", STACK.prefix + "nginx")),
                                         ("running", None, lambda: self.exec(worker))):
            with self.subTest(found=status):
                self.setUp()
                fault()
                incident = self.healed(120)
                self.assertEqual("heal-nginx", incident["playbook"])
                self.assertTrue(any(key.startswith("am:") for key in incident["episodes"]), incident)
                story = json.dumps(STACK.timeline(incident["id"]))
                self.assertEqual(exit_code, incident["exit_code"])
                for task in ("Look at the container", "Say how it is", "Restart it"):
                    self.assertIn(task, story)
                self.assertEqual(1, STACK.events("nginx", self.started, "start"), "it was started more than once")
                self.assertTrue(STACK.nginx_serves())
                self.tearDown()

    def test_what_serves_and_says_that_it_is_not_well_is_healed(self):
        """The fourth alert of the table, and it alone."""
        self.exec("touch /tmp/sick")
        incident = self.healed(120)
        self.assertEqual(("NginxServiceUnhealthy", "heal-nginx"), (incident["name"], incident["playbook"]))
        self.assertEqual(1, STACK.events("nginx", self.started, "start"), "it was started more than once")
        self.assertTrue(STACK.nginx_serves())

    def test_the_process_that_eats_the_cpu_is_found_and_ended(self):
        self.exec("yes > /dev/null")
        e2e.wait_for("the hog", lambda: self.runs("yes"), 30)
        incident = self.healed()
        self.assertEqual(("NginxHighCPU", "system-recovery"), (incident["name"], incident["playbook"]))
        self.assertFalse(self.runs("yes"))
        self.assertEqual(0, STACK.events("nginx", self.started, "restart"))
        self.assertIn("(yes), which used", json.dumps(STACK.timeline(incident["id"])))

    def test_memory_pressure_is_relieved(self):
        self.exec("(head -c 55000000 /dev/zero; sleep 90) | tail -c 60000000 > /dev/null")
        incident = self.healed()
        self.assertEqual(("NginxHighMemory", "clean-up"), (incident["name"], incident["playbook"]))
        self.assertFalse(self.runs("tail"))
        self.assertEqual(0, STACK.events("nginx", self.started, "restart"))
        self.assertIn("(tail), which used", json.dumps(STACK.timeline(incident["id"])))

    def test_a_full_volume_is_cleaned_up(self):
        """Of a volume of 16 MiB in memory: nothing of the host's disks is touched."""
        used = lambda: int(STACK.docker("exec", STACK.prefix + "nginx", "df", "-P", "/var/cache/nginx").split()[-2].rstrip("%"))  # noqa: E731
        self.exec("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do head -c 1m /dev/zero > /var/cache/nginx/page$i; done")
        e2e.wait_for("the volume to be full", lambda: used() > 80, 30, every=0.02)
        incident = self.healed()
        self.assertEqual(("VolumeFillingUp", "free-disk"), (incident["name"], incident["playbook"]))
        self.assertLess(used(), 50)
        self.assertEqual(0, STACK.events("nginx", self.started, "restart"))
        self.assertIn("files of /var/cache/nginx", json.dumps(STACK.timeline(incident["id"])))


class Api(Scenario):
    """D: the demo API, healed by alert, by timer and by hand, with an audit trail."""

    container = "demo-api"

    def audit(self):
        done = STACK.healctl("audit", "verify")
        self.assertIn("the journal is whole", done.stdout + done.stderr)

    def traffic(self, **options):
        return Client(f"http://127.0.0.1:{STACK.ports['DEMO_API_PORT']}/api", **options)

    def test_a_crash_is_healed_by_its_alert_with_checks_before_and_after(self):
        STACK.crash()
        incident = self.healed()
        self.assertEqual(("restart-container", 3), (incident["playbook"], incident["exit_code"]))
        self.assertTrue(incident["episodes"][0].startswith("am:"), incident["episodes"])
        kinds = [entry["kind"] for entry in STACK.timeline(incident["id"])]
        self.assertIn("verify", kinds)
        text = STACK.healctl("explain", incident["id"]).stdout
        self.assertIn("before", text)
        self.audit()

    def test_a_high_error_rate_is_healed(self):
        client = self.traffic(every=0.02)
        try:
            STACK.mode(errors=0.25)
            incident = self.incident_until(lambda i: i["times"]["verified_at"])
        finally:
            client.stop()
        self.assertEqual(("DemoApiHighErrorRate", "restart-misbehaving"), (incident["name"], incident["playbook"]))
        self.assertEqual(200, STACK.http("DEMO_API_PORT", "/api")[0])

    def test_silence_in_the_log_is_healed(self):
        STACK.mode(silent=True)
        incident = self.healed()
        self.assertEqual(("DemoApiNoLogs", "restart-misbehaving"), (incident["name"], incident["playbook"]))

    def test_the_timer_heals_what_no_alert_sees(self):
        STACK.mode(errors=1)
        incident = self.incident_until(lambda i: i["times"]["verified_at"])
        self.assertEqual(("demo-api-answers", "restart-misbehaving"), (incident["name"], incident["playbook"]))
        self.assertTrue(incident["episodes"][0].startswith("schedule:"), incident["episodes"])

    def test_a_crash_that_no_alert_tells_of_is_healed_by_the_timer(self):
        """The fault `silence`, as system-d.md has it."""
        STACK.healctl("simulate-down", self.target, "--fault", "silence", "--for", "5m")
        self.addCleanup(STACK.healctl, "simulate-up", self.target)
        STACK.crash()
        incident = self.incident_until(lambda i: i["times"]["verified_at"])
        self.assertEqual(("demo-api-answers", "restart-misbehaving"), (incident["name"], incident["playbook"]))
        self.assertEqual(["schedule"], [key.split(":")[0] for key in incident["episodes"]])
        self.assertEqual(1, STACK.events("demo-api", self.started, "start"))
        self.audit()

    def test_a_crash_is_healed_with_one_command(self):
        self.addCleanup(STACK.silence(self.container))
        STACK.crash()
        done = STACK.healctl("heal", "restart-misbehaving", "--target", self.target, "--wait", check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        incident = self.incident_until(lambda i: i["times"]["verified_at"])
        self.assertEqual(["manual"], [key.split(":")[0] for key in incident["episodes"]])
        self.assertEqual(1, STACK.events("demo-api", self.started, "start"))
        self.assertEqual(200, STACK.http("DEMO_API_PORT", "/health")[0])
        self.audit()

    def test_a_person_heals_with_one_command(self):
        done = STACK.healctl("heal", "restart-misbehaving", "--target", self.target, "--wait", check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        incident = self.incident_until(lambda i: i["times"]["verified_at"])
        self.assertEqual("restart-misbehaving", incident["playbook"])
        self.assertEqual(1, STACK.events("demo-api", self.started, "start"))
        self.audit()

    def test_a_container_is_made_anew_and_serves(self):
        before = STACK.inspect("demo-api")["Id"]
        done = STACK.healctl("heal", "recreate-container", "--target", self.target, "--wait", check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        after = STACK.inspect("demo-api")
        self.assertNotEqual(before, after["Id"])
        self.assertEqual(before, after["Config"]["Labels"]["heal.replaces"])
        self.assertEqual(200, STACK.http("DEMO_API_PORT", "/health")[0])


class Events(Scenario):
    """E: failures from the engine's own events, with type, exit code, reason and MTTR from real times."""

    container = "demo-api"

    @classmethod
    def setUpClass(cls):
        """Only the engine's own word: no alert of that container is sent, and no timer asks."""
        cls.path = STACK.work / "config/heal.yml"
        cls.text = cls.path.read_text()
        e2e.edit(cls.path, r"# sources:\n#   docker:", "sources:\n  docker:")
        e2e.edit(cls.path, r"(?s)\nschedules:.*?\n\n", "\n")
        STACK.reload()
        cls.end_silence = staticmethod(STACK.silence(cls.container))

    @classmethod
    def tearDownClass(cls):
        cls.path.write_text(cls.text)
        STACK.reload()
        cls.end_silence()

    def check(self, incident, kind, exit_code=None):
        self.assertEqual(kind, incident["type"])
        self.assertEqual("restart-container", incident["playbook"])
        self.assertTrue(all(key.startswith("docker:") for key in incident["episodes"]), incident["episodes"])
        if exit_code is not None:
            self.assertEqual(exit_code, incident["exit_code"])
        times = {name: e2e.parse_time(at) for name, at in incident["times"].items()}
        in_order = [times[name] for name in ("failed_at", "detected_at", "acted_at", "verified_at")]
        self.assertEqual(sorted(in_order), in_order)
        self.assertAlmostEqual((times["verified_at"] - times["detected_at"]).total_seconds(), incident["mttr_seconds"], places=2)
        print(f"{kind}: detected after {incident['mttd_seconds']:.2f} s, healed after {incident['mttr_seconds']:.2f} s")

    def verified(self):
        return self.incident_until(lambda i: i["times"]["verified_at"])

    def test_a_killed_container_is_a_crash_with_137(self):
        STACK.docker("kill", STACK.prefix + self.container)
        self.check(self.verified(), "CONTAINER_CRASH", 137)

    def test_a_container_that_exits_with_an_error_is_a_crash_with_its_code(self):
        STACK.crash()
        self.check(self.verified(), "CONTAINER_CRASH", 3)

    def test_a_container_that_is_stopped_is_a_stopped_task(self):
        STACK.docker("stop", "-t", "5", STACK.prefix + self.container)
        self.check(self.verified(), "TASK_STOPPED", 0)

    def test_the_drill_of_this_system_is_told_by_the_engine(self):
        self.drill(e2e.ROOT / "compose/showcase/drills/e-demo-api-killed.yml")
        self.check(self.verified(), "CONTAINER_CRASH", 137)

    def test_a_failed_health_check_is_one(self):
        STACK.mode(healthy=False)
        self.check(self.verified(), "HEALTH_CHECK_FAILURE")

    def test_a_release_that_cannot_be_deployed_is_made_anew_once_its_tag_is_put_back(self):
        """It cannot be started, or never becomes healthy; what the tag stands for by then can."""
        container, tag, good = STACK.prefix + "release", "heal-show-release:next", "promheal-e2e-demo-api:local"
        unready = STACK.prefix + "unready"
        self.addCleanup(STACK.docker, "rmi", "-f", tag, check=False)
        self.addCleanup(STACK.docker, "rm", "-f", container, unready, check=False)
        self.addCleanup(STACK.silence("release"))
        STACK.docker("run", "--name", unready, "--network", "none", "--user", "0", "--entrypoint", "touch", good, "/unready")
        for bad, start_fails, reason in (
                (lambda: STACK.docker("tag", e2e.TEST_IMAGES["nginx"], tag), True, "it could not be started: exit code 127: "),
                (lambda: STACK.docker("commit", unready, tag), False, "has not passed since it was made")):
            with self.subTest(reason=reason):
                self.container = "release"
                self.setUp()
                bad()
                STACK.docker("create", "--name", container, "--network", STACK.project + "_web",
                             "--label", "heal.enable=true", "--label", f"heal.health=http://{container}:5000/health",
                             "--user", "10001", "--entrypoint", "/usr/local/bin/demo-api", "--health-cmd", "test ! -e /unready",
                             "--health-interval", "1s", "--health-retries", "2", tag, "--name=release")
                STACK.docker("tag", good, tag)
                STACK.docker("start", container, check=not start_fails)
                incident = self.verified()
                self.assertEqual(("DEPLOYMENT_FAILURE", "recreate-container"), (incident["type"], incident["playbook"]))
                self.assertTrue(incident["episodes"][0].startswith("docker:"), incident["episodes"])
                self.assertIn(reason, incident["failure_reason"])
                self.assertEqual(127 if start_fails else None, incident["exit_code"])
                times = {name: e2e.parse_time(at) for name, at in incident["times"].items()}
                in_order = [times[name] for name in ("failed_at", "detected_at", "acted_at", "verified_at") if times[name]]
                self.assertEqual(sorted(in_order), in_order)
                self.assertAlmostEqual((times["verified_at"] - times["detected_at"]).total_seconds(), incident["mttr_seconds"], places=2)
                self.assertTrue(STACK.inspect("release")["State"]["Running"])
                print(f"DEPLOYMENT_FAILURE, {reason}: healed after {incident['mttr_seconds']:.2f} s")
                e2e.wait_for("it to be closed", self.nothing_open, WITHIN)
                STACK.docker("rm", "-f", container)


class Drills(Scenario):
    """Every drill file of the showcase, as a user runs it."""

    def run_drill(self, path):
        self.container = re.search(r"target: container/local/([\w-]+)", path.read_text())[1]
        self.setUp()
        self.drill(path)
        self.tearDown()

    def test_each_drill_passes(self):
        paths = sorted((e2e.ROOT / "compose/showcase/drills").glob("*.yml"))
        self.assertGreater(len(paths), 11)
        for path in paths:
            with self.subTest(drill=path.name):
                self.run_drill(path)


class Dashboards(unittest.TestCase):
    """Every query of the Grafana dashboards, asked of the real Prometheus once everything above has happened."""

    def test_every_query_returns_data(self):
        empty, asked = [], 0
        for path in sorted((e2e.ROOT / "compose/grafana/dashboards").glob("*.json")):
            for panel in json.loads(path.read_text())["panels"]:
                for target in panel["targets"]:
                    expression = target["expr"].replace("$__rate_interval", "5m").replace("$__range", "10m")
                    asked += 1
                    values = [value for _, value in STACK.query(expression)]
                    if not values or all(value != value for value in values):
                        empty.append(f"{path.name}, {panel['title']}: {expression} -> {values}")
        self.assertEqual([], empty, "\n".join(empty))
        self.assertGreater(asked, 40)


def load_tests(loader, _tests, _pattern):
    """In the order of the scenarios; the dashboards last."""
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Failover, Nginx, Api, Events, Drills, Dashboards))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
