"""The five systems that this project grew from, on one start of the showcase stack: each is broken as its own documents say,
nobody touches it, and it must be healed and recorded as they promise.

Run by ctest (label showcase) or by hand: python3 tests/e2e/showcase_test.py [-v] [Failover.test_…]
"""

import contextlib
import json
import os
import re
import tempfile
import time
import unittest

import engine_events
import senders
import stack as e2e
import timed
from scenario import WITHIN, Scenario
from showcase import Client, Showcase

STACK = None


def setUpModule():
    global STACK
    Scenario.stack = STACK = Showcase()
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


class Services(unittest.TestCase):
    """What the compose files promise of each service, as the engine has it."""

    def test_each_is_well_and_has_limits(self):
        by_name = STACK.docker("ps", "--filter", f"label=com.docker.compose.project={STACK.project}", "--format", "{{.Names}}").split()
        names = {name.removeprefix(STACK.prefix) for name in by_name}
        self.assertLessEqual({*STACK.LOGGED, "protected"} - {"cloud"}, names)
        for name in sorted(names):
            with self.subTest(container=name):
                host = STACK.inspect(name)["HostConfig"]
                self.assertTrue(host["NanoCpus"] and host["Memory"] and host["PidsLimit"], host)
                if name != "nginx-exporter":  # nothing in its image could ask
                    e2e.wait_for("it to be healthy", lambda: STACK.inspect(name)["State"]["Health"]["Status"] == "healthy", 30)


class Profiles(unittest.TestCase):
    """Each profile works alone: what the others would have started is nobody's trouble."""

    STARTED_BY = {"api": {"demo-api"}, "failover": {"onprem", "cloud", "haproxy"}, "exporters": {"nginx-exporter", "node-exporter"}}

    def setUp(self):
        e2e.wait_for_none("a quiet stack", STACK.alerts, WITHIN)

    def incidents(self):
        return [incident["id"] for incident in STACK.webhook("/api/v1/incidents?limit=1000")[1]["incidents"]
                if not e2e.is_left_alone(incident)]

    @contextlib.contextmanager
    def silenced(self, names):
        """Nobody hears of what is done meanwhile."""
        silences = [STACK.silence(name) for name in names]
        yield
        e2e.wait_for_none("the alerts to end", STACK.alerts, WITHIN)
        for end in silences:
            end()

    def remove(self, names):
        """As if they had never been started."""
        there = "|".join(STACK.prefix + name for name in names)
        with self.silenced(names):
            STACK.docker("rm", "-f", *(STACK.prefix + name for name in names))
            e2e.wait_for_none("the exporter to forget them", lambda: STACK.query(f'heal_container_up{{container=~"{there}"}}'), WITHIN)

    def restore(self, names):
        with self.silenced(names):
            STACK.compose("up", "-d", "--no-build")
            e2e.wait_for("every scrape and every probe to succeed", STACK.sees_everything, WITHIN)
            STACK.docker("stop", "-t", "1", STACK.prefix + "cloud")

    def evaluations(self):
        """How often Prometheus has asked every rule."""
        return min(value for _, value in STACK.query("prometheus_rule_group_iterations_total"))

    def test_nothing_is_said_or_done_about_what_is_not_started(self):
        for alone in ("api", "failover"):  # each once without the others; exporters alone lacks nothing else
            with self.subTest(profile=alone):
                known, began = self.incidents(), time.time()
                others = sorted(set().union(*self.STARTED_BY.values()) - self.STARTED_BY[alone])
                try:
                    self.remove(others)
                    if alone != "api":
                        e2e.wait_for("its probe to fail", lambda: STACK.query('probe_success{service="demo-api"} == 0'), WITHIN)
                        e2e.wait_for("the timer to say that it has nothing to ask", lambda: self.timer_idles(began), WITHIN)
                    seen = self.evaluations()
                    e2e.wait_for("every rule to be asked five times", lambda: self.evaluations() >= seen + 5, WITHIN)
                    self.assertEqual([], STACK.alerts())
                    self.assertEqual(known, self.incidents())
                finally:
                    self.restore(others)

    def timer_idles(self, since):
        said = e2e.run("docker", "logs", "--since", f"{since:.3f}", STACK.prefix + "heal-webhook").stderr
        return any("a schedule's check cannot be asked" in line and "schedule=demo-api-answers" in line for line in said.splitlines())


class Failover(Scenario):
    """C: on-prem and cloud behind one address."""

    container = "onprem"

    def is_running(self, name):
        return STACK.inspect(name)["State"]["Running"]

    def told(self):
        """How often Alertmanager told POST /failover something new."""
        return sum(value for _, value in STACK.query('heal_webhook_http_requests_total{handler="/failover", code="202"}'))

    def serving(self, client, server):
        """It is who answers now: while HAProxy turns to it, the other may answer now and then."""
        e2e.wait_for(f"{server} serving", lambda: client.servers[-1:] == [server], 30)

    def failed_over_and_back(self, break_it, mend_it):
        """The cloud serves from when on-prem is broken until it is mended, and nobody sees more than one failed second."""
        self.assertFalse(self.is_running("cloud"))
        self.addCleanup(mend_it)  # whatever became of the rest: the next test needs it
        told = self.told()
        client = Client(f"http://127.0.0.1:{STACK.ports['API_PORT']}/api")
        try:
            self.serving(client, "onprem")
            break_it()
            incident = self.incident_until(lambda i: i["times"]["verified_at"])
            self.assertEqual("failover", incident["playbook"])
            e2e.wait_for("Alertmanager's word at the address for failovers", lambda: self.told() > told, 30)
            self.assertTrue(self.is_running("cloud"))
            self.serving(client, "cloud")
            # Not before on-prem is back, however long that takes.
            e2e.wait_for("it to have stayed healthy", lambda: STACK.incident(incident["id"])["state"] == "recovered", 30)
            self.assertTrue(self.is_running("cloud"))

            mended = time.time()
            mend_it()
            self.incident_until(lambda i: i["state"] == "closed")
            self.assertFalse(self.is_running("cloud"))
            self.serving(client, "onprem")
        finally:
            client.stop()
        print(f"asked {client.asked} times, {len(client.failures)} failed, the slowest answer took {client.slowest:.2f} s; failures: {client.failures}")
        self.assertLessEqual(client.failed_seconds(until=mended), 1, client.failures)
        self.assertLessEqual(client.failed_seconds(since=mended), 1, client.failures)
        transitions = [subject for subject in STACK.mails(self.started) if subject.startswith("Failed ")]
        self.assertEqual([f"Failed over: {STACK.prefix}onprem is down, the cloud serves",
                          f"Failed back: {STACK.prefix}onprem serves again"], transitions)
        for status in ("FIRING", "RESOLVED"):
            subject = f"[{status}] onprem_down: {STACK.prefix}onprem"
            e2e.wait_for(f"Alertmanager's mail {subject}", lambda: subject in STACK.mails(self.started), WITHIN)  # noqa: B023

    def test_clients_are_served_by_the_cloud_until_on_prem_is_back(self):
        self.failed_over_and_back(lambda: STACK.docker("stop", "-t", "1", STACK.prefix + "onprem"),
                                  lambda: STACK.docker("start", STACK.prefix + "onprem"))

    def test_an_on_prem_that_answers_and_is_not_well_is_as_good_as_down(self):
        self.failed_over_and_back(lambda: STACK.post_inside("onprem", "/mode", '{"healthy": false}'),
                                  lambda: STACK.post_inside("onprem", "/mode", '{"healthy": true}'))


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
        for status, exit_code, fault in (("exited", 0, lambda: STACK.docker("stop", "-t", "10", STACK.prefix + "nginx")),
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
                e2e.wait_for("nginx to serve", STACK.nginx_serves, 5)
                self.tearDown()

    def test_what_serves_and_says_that_it_is_not_well_is_healed(self):
        """The fourth alert of the table, and it alone."""
        self.exec("touch /tmp/sick")
        incident = self.healed(120)
        self.assertEqual(("NginxServiceUnhealthy", "heal-nginx"), (incident["name"], incident["playbook"]))
        self.assertEqual(1, STACK.events("nginx", self.started, "start"), "it was started more than once")
        e2e.wait_for("nginx to serve", STACK.nginx_serves, 5)

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
        for status in ("FIRING", "RESOLVED"):
            e2e.wait_for(f"a mail to people: {status}", lambda: [
                subject for subject in STACK.mails(self.started) if re.fullmatch(rf"\[{status}\] \w+: {STACK.prefix}demo-api", subject)], WITHIN)  # noqa: B023

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


class Senders(senders.Senders):
    """A to D, told by others than Alertmanager."""


class Events(engine_events.Events):
    """E: failures from the engine's own events, and deployments of ours that fail."""


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


class Dashboards(Scenario):
    """Every query of the Grafana dashboards, asked of the real Prometheus while a drill breaks and heals something."""

    def queries(self):
        """Where each stands -> what it asks."""
        found = {}
        for path in sorted((e2e.ROOT / "compose/grafana/dashboards").glob("*.json")):
            for panel in json.loads(path.read_text())["panels"]:
                for target in panel["targets"]:
                    expression = target["expr"].replace("$__rate_interval", "5m").replace("$__range", "10m")
                    found[f"{path.name}, {panel['title']}, {target['refId']}: {expression}"] = expression
        return found

    def has_data(self, expression):
        return any(value == value for _, value in STACK.query(expression))

    def test_every_query_returns_data_while_a_drill_runs(self):
        empty = self.queries()
        self.assertGreater(len(empty), 50)
        arguments = self.drill_arguments(e2e.ROOT / "compose/showcase/drills/b-nginx-cpu.yml")

        def all_have_data():
            for where in [where for where, expression in empty.items() if self.has_data(expression)]:
                del empty[where]
            return not empty or drill.poll() is not None

        with tempfile.TemporaryFile("w+") as said, STACK.begin_healctl(*arguments, stdout=said, stderr=said) as drill:
            try:
                e2e.wait_for("its fault to be noticed", self.new_incidents, WITHIN)
                e2e.wait_for("data, or the drill's end", all_have_data, 3 * WITHIN)
                self.assertEqual({}, empty, "these had no data as long as the drill ran")
                self.assertIsNone(drill.poll(), "the drill was over before")
                drill.wait(3 * WITHIN)
            finally:
                drill.terminate()
                drill.wait(WITHIN)
            said.seek(0)
            self.assertEqual(0, drill.returncode, said.read())


def load_tests(loader, _tests, _pattern):
    """In the order of the scenarios, all of them as often as HEAL_E2E_ROUNDS says; the dashboards last: their queries also look
    back at what has happened."""
    scenarios = (Failover, Nginx, Api, Senders, Events, Drills) * int(os.environ.get("HEAL_E2E_ROUNDS", "1"))
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Services, Profiles, *scenarios, Dashboards))


if __name__ == "__main__":
    timed.main()
