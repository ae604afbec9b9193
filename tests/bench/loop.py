#!/usr/bin/env python3
"""The loop's times, fault -> serving again, beside the bare floor of the same run; prints a table.

    tests/bench/loop.py                     all ways that a fault is heard of, some minutes
    tests/bench/loop.py --only REGEX        ways whose name matches
    --rounds N (10)   --json FILE (all figures)   --held N (0: how often Alertmanager's own group_interval is shown, 1 to 2 min each)

An nginx container of a real Docker engine is killed; real Prometheus, Alertmanager, heal-exporter and heal-webhook do the
rest. README.md says what each way is. Needs the packages of sections [engine] and [contract] of tests/packages.txt, the image that
`compose/images.sh debian` makes, and the targets heal-webhook and heal-exporter; HEAL_BIN_DIR is their folder, DOCKER_HOST=unix://PATH
another engine. The ways take turns; figures are medians of one run. What it leaves: nothing.
"""

import argparse
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
os.environ.setdefault("HEAL_BIN_DIR", str(pathlib.Path(__file__).resolve().parents[2] / "build/release/bin"))

import native  # noqa: E402
import stack as e2e  # noqa: E402
from bench import percentile, table  # noqa: E402

PREFIX = "heal-bench-"
ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
IMAGE = e2e.TEST_IMAGES["nginx"]
NGINX = """
daemon off; worker_processes 1; pid /tmp/nginx.pid; error_log /dev/stderr;
events {{ }}
http {{ access_log off; server {{ listen 127.0.0.1:{port}; location / {{ return 200 $connection; }} }} }}
"""

HEAL = """version: 1
engines: {{local: {{unix: {engine}}}}}
playbooks: [playbook.yml]
alertmanagers: [{{url: "http://{alertmanager}"}}]
{around}
inventory:
  container_labels: false
  targets:
{targets}
storm: off
defaults:
  guards: {{cooldown: 1s, budget: {{attempts: 100, window: 10s, healthy: 1h}}, flap: off, in_flight: {{per_group: 1, total: 10}}}}
"""
BY_ALERTS = """routes: [{match: ['container!=""'], playbook: restart-container, target: "container/local/{{ labels.container }}"}]"""
BY_EVENTS = """sources: {docker: {engines: [local]}}
routes: [{match: ['source="docker"'], playbook: restart-container}]"""

EXPORTER = """modules:
  http: {{prober: http, timeout: 1s, http: {{preferred_ip_protocol: ip4}}}}
probes:
{probes}
watch: {{docker: [{{engine: local, unix: {engine}, label: heal.bench, interval: 1s}}]}}
fast_alerts:
  alertmanagers: [{{url: "http://{alertmanager}"}}]
  alerts: [{{alertname: NginxServiceUnhealthy, labels: {{severity: critical}}}}]
"""
PROBE = """  - {{name: {name}, module: http, targets: ["http://127.0.0.1:{port}/"], interval: 100ms, timeout: 1s, down_after: 2,
     up_after: 2, labels: {{container: {name}}}}}"""


class Way:
    """A container, how its fault is heard of, and who restarts it."""

    def __init__(self, name, told, by, goal="", floor=None):
        self.name, self.told, self.by, self.goal, self.floor = name, told, by, goal, floor
        self.container = PREFIX + name
        self.port = None
        self.first, self.second, self.stages = [], [], []

    def is_scraped(self):
        return self.told.startswith("Prometheus")

    def heals(self):
        return self.by in ("heal-webhook", "heal-events")


WAYS = (
    Way("prometheus-floor", "Prometheus every 1 s", "floor"),
    Way("prometheus", "Prometheus every 1 s", "heal-webhook", "<= 1.40 s", "prometheus-floor"),
    Way("fast-floor", "fast_alerts every 100 ms", "floor"),
    Way("fast", "fast_alerts every 100 ms", "heal-webhook", "<= 0.50 s", "fast-floor"),
    Way("restart", "nobody has to be told", "bare"),
    Way("events", "the engine's events", "heal-events", "<= restart + 0.07 s", "restart"),
)
# As "prometheus-floor", behind a group_interval of 20 s.
HELD = Way("held", "Prometheus every 1 s", "floor")


class Connection(http.client.HTTPConnection):
    """To the engine's socket."""

    def __init__(self):
        super().__init__("localhost", timeout=60)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(ENGINE)


def engine(verb, name):
    connection = Connection()
    connection.request("POST", f"/containers/{name}/{verb}", headers={"Content-Length": "0"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


class Floor(http.server.BaseHTTPRequestHandler):
    """The least that a webhook can do: whatever fires is restarted at once."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in body["alerts"]:
            if alert["status"] == "firing":
                engine("restart?t=1", alert["labels"]["container"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Loop:
    def __init__(self, ways):
        self.ways = ways
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
        self.work.chmod(0o755)
        self.healers = sorted({way.by for way in ways if way.heals()})
        names = ["prometheus", "alertmanager", "heal-exporter", *self.healers]
        ports = e2e.free_ports(len(names) + len(ways))
        self.ports = dict(zip(names, ports))
        for way, port in zip(ways, ports[len(names):]):
            way.port = port
        self.floor = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Floor)
        threading.Thread(target=self.floor.serve_forever, daemon=True).start()
        self.at = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        self.daemons = {}
        self.phase = None

    # --- start and end

    def start(self):
        self._write_files()
        for way in self.ways:
            self._make(way)
        self._daemon("alertmanager", "prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=alerts",
                     "--cluster.listen-address=", f"--web.listen-address={self.at['alertmanager']}")
        for name in self.healers:
            self._daemon(name, e2e.BIN / "heal-webhook", f"--config.file={name}/heal.yml", f"--storage.path={name}/data",
                         f"--web.listen-address={self.at[name]}")
        self._daemon("heal-exporter", e2e.BIN / "heal-exporter", "--config.file=exporter.yml",
                     f"--web.listen-address={self.at['heal-exporter']}")
        self._daemon("prometheus", "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
                     f"--web.listen-address={self.at['prometheus']}")
        for name in self.ports:
            e2e.wait_for(name, lambda name=name: self.get(name, "/-/ready") is not None, 30)
        if any(way.is_scraped() for way in self.ways):
            self._draw_a_phase()

    def _daemon(self, name, *command):
        self.daemons[name] = native.Daemon(self.work, name, command)
        self.daemons[name].start()

    def _make(self, way):
        (self.work / f"{way.name}.conf").write_text(NGINX.format(port=way.port))
        e2e.run("docker", "rm", "-f", way.container, check=False)
        watched = "true" if way.is_scraped() else "false"
        e2e.run("docker", "run", "-d", "--name", way.container, "--network", "host", "--label", f"heal.bench={watched}",
                "-v", f"{self.work}/{way.name}.conf:/etc/nginx/nginx.conf:ro", "--entrypoint", "nginx", IMAGE)

    def stop(self):
        for daemon in self.daemons.values():
            daemon.end()
        for way in self.ways:
            e2e.run("docker", "rm", "-f", way.container, check=False)
        self.floor.shutdown()
        shutil.rmtree(self.work, ignore_errors=True)

    def _write_files(self):
        healed = {name: [way for way in self.ways if way.by == name] for name in self.healers}
        around = {"heal-webhook": BY_ALERTS, "heal-events": BY_EVENTS}
        playbook = (e2e.ROOT / "compose/config/fast/playbooks/restart-container.yml").read_text()
        for name, ways in healed.items():
            (self.work / name).mkdir()
            targets = "\n".join(f'    - {{target: container/local/{way.container}, health: "http://127.0.0.1:{way.port}/", '
                                f'group: {way.name}}}' for way in ways)
            (self.work / name / "heal.yml").write_text(HEAL.format(engine=ENGINE, around=around[name], targets=targets, **self.at))
            # Only what follows the heal is shorter than in the profile.
            (self.work / name / "playbook.yml").write_text(re.sub("stay_healthy: .*", "stay_healthy: 1s", playbook))
        probes = "\n".join(PROBE.format(name=way.container, port=way.port) for way in self.ways
                           if way.told.startswith("fast_alerts"))
        (self.work / "exporter.yml").write_text(EXPORTER.format(probes=probes or "  []", engine=ENGINE, **self.at))
        self._write_alertmanager()
        (self.work / "rules").mkdir()
        self._write_prometheus()

    def _write_alertmanager(self):
        """The fast profile's, with the floor as a second receiver whose route is like heal-webhook's."""
        text = (e2e.ROOT / "alertmanager/fast/alertmanager.yml").read_text()
        text, _, _ = text.partition("        http_config:")
        text = text.replace("heal-webhook:9095", self.at.get("heal-webhook", "127.0.0.1:9"))
        found = re.search(r"""    - receiver: heal-webhook\n      matchers: \['container!="",?.*?(?=\nreceivers:)""", text, re.S)
        floor = found[0].replace("heal-webhook", "floor").replace("['container!=\"\"'", "['container=~\".*floor\"'")
        held = floor.replace("receiver: floor", "receiver: held").replace(".*floor", ".*held")
        held = re.sub(r" *(group_interval|group_wait): .*\n", "", held).rstrip() + "\n      group_wait: 0s\n      group_interval: 20s\n"
        text = text.replace(found[0], held + floor.rstrip() + "\n" + found[0])
        for name in ("floor", "held"):
            text += f"  - name: {name}\n    webhook_configs: [{{url: 'http://127.0.0.1:{self.floor.server_port}/'}}]\n"
        (self.work / "alertmanager.yml").write_text(text)

    def _write_prometheus(self):
        (self.work / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules/*.yml"],
            "scrape_configs": [{"job_name": "heal-exporter", "honor_labels": True,
                                "static_configs": [{"targets": [self.at["heal-exporter"]]}]}],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.at["alertmanager"]]}]}]}}))

    def _draw_a_phase(self):
        """Prometheus spreads scrapes and evaluations by hashes of names: the time between the two is luck that stays for a whole
        run. It is drawn, by the name of the rules' file, until it is neither good nor bad."""
        e2e.wait_for("a scrape", lambda: self._answer("/api/v1/query?query=heal_container_up")["result"], 30)
        for draw in range(50):
            for old in (self.work / "rules").iterdir():
                old.unlink()
            name = f"draw-{draw}.yml"
            shutil.copy(e2e.ROOT / "prometheus/fast/rules/services.yml", self.work / "rules" / name)
            self.daemons["prometheus"].process.send_signal(signal.SIGHUP)
            evaluated = e2e.wait_for(f"an evaluation of {name}", lambda: self._evaluated(name), 30)
            scraped = self._answer("/api/v1/targets?state=active")["activeTargets"][0]["lastScrape"]
            self.phase = (e2e.parse_time(evaluated) - e2e.parse_time(scraped)).total_seconds() % 1.0
            if 0.45 <= self.phase <= 0.75:
                e2e.wait_for("Prometheus to know Alertmanager", lambda: self._answer("/api/v1/alertmanagers")["activeAlertmanagers"], 30)
                return
        raise AssertionError("no time between scrape and evaluation near the middle was drawn")

    def _evaluated(self, file):
        groups = self._answer("/api/v1/rules")["groups"]
        times = [group["lastEvaluation"] for group in groups if group["name"] == "containers" and group["file"].endswith(file)]
        return times[0] if times and not times[0].startswith("0001") else None

    def _answer(self, path):
        return json.loads(self.get("prometheus", path))["data"]

    def get(self, name, path):
        return native.get(f"http://{self.at[name]}{path}")

    # --- one fault

    def fault(self, way):
        """When it began, and seconds until its next process serves: one that counts its connections anew."""
        before = max(self._connection(way.port) for _ in range(50))
        begun = time.time()
        if engine("kill", way.container) != 204:
            raise AssertionError(f"{way.container} could not be killed")
        if way.by == "bare":
            engine("restart?t=1", way.container)
        while not 0 < self._connection(way.port) <= before:
            if time.time() > begun + 90:
                raise AssertionError(f"{way.name}: nobody has healed it for 90 s")
            time.sleep(0.002)
        return begun, time.time() - begun

    @staticmethod
    def _connection(port):
        """The how manieth connection this was to the process that answers; 0 when none does."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = http.client.HTTPResponse(client)
                answer.begin()
                return int(answer.read())
        except (OSError, http.client.HTTPException):
            return 0

    def show_logs(self):
        for name, daemon in self.daemons.items():
            print(f"--- {name}\n{daemon.log()[-2500:]}", file=sys.stderr)

    def incidents(self, way):
        found = json.loads(self.get(way.by, "/api/v1/incidents?limit=20"))["incidents"]
        return [i for i in found if i["target"] == f"container/local/{way.container}"]

    def alerted(self, way):
        alerts = json.loads(self.get("alertmanager", "/api/v2/alerts?active=true&silenced=true&inhibited=true"))
        return any(alert["labels"].get("container") == way.container for alert in alerts)

    def is_over(self, way):
        """Resolved at Alertmanager, and closed; stale is what a false alarm becomes."""
        return not self.alerted(way) and not (way.heals() and any(i["state"] not in ("closed", "stale") for i in self.incidents(way)))

    def wait_until_over(self, way):
        e2e.wait_for(f"{way.name} to be over", lambda: self.is_over(way), 120, every=0.02)

    def times_of(self, way, begun):
        """Stages of the newest incident, in seconds since the fault."""
        incident = max((i for i in self.incidents(way) if i["times"]["verified_at"]), key=lambda i: i["id"])
        times = {name.removesuffix("_at"): e2e.parse_time(at) for name, at in incident["times"].items()}
        return {name: at.timestamp() - begun for name, at in times.items() if at}


def rest(phase):
    """Sleeps to that part of a second: where in the cycles of 1 s a fault falls must not be luck."""
    time.sleep((phase - time.time()) % 1.0)


def measure(loop, ways, options):
    phases = [(n + 0.5) / options.rounds for n in range(options.rounds)]
    random.Random(7).shuffle(phases)
    for number, phase in enumerate(phases):
        for way in ways:
            loop.wait_until_over(way)
            time.sleep(0.5)
            rest(phase)
            begun, took = loop.fault(way)
            way.first.append(took)
            loop.wait_until_over(way)
            if way.heals():
                way.stages.append(loop.times_of(way, begun))
            if way.by != "bare":
                way.second.append(again(loop, way, phase))
            if options.verbose:
                print(number, way.name, f"{took:.3f}", f"{way.second[-1]:.3f}" if way.second else "", flush=True)


def again(loop, way, phase):
    """The next fault, as soon as the first is over and the same phase has come."""
    rest(phase)
    took = loop.fault(way)[1]
    loop.wait_until_over(way)
    return took


def show(loop):
    by_name = {way.name: way for way in loop.ways}
    rows = []
    for way in loop.ways:
        if not way.first:
            continue
        mid = statistics.median(way.first)
        floor = by_name.get(way.floor)
        over = f"{mid / statistics.median(floor.first):.2f}" if floor else ""
        more = f"{mid - statistics.median(floor.first):+.3f}" if floor else ""
        stage = lambda name: f"{statistics.median(s[name] for s in way.stages):.3f}" if way.stages else ""  # noqa: E731
        second = [f"{statistics.median(way.second):.3f}", f"{percentile(way.second, 0.9):.3f}"] if way.second else ["", ""]
        rows.append([way.name, way.by, len(way.first), f"{mid:.3f}", f"{percentile(way.first, 0.9):.3f}", over, more, way.goal,
                     stage("detected"), stage("decided"), stage("acted"), stage("verified"), *second])
    table(["told by", "restarts", "n", "fault->serving s", "p90", "x floor", "- floor s", "goal", "detected", "decided", "acted",
           "verified", "second fault s", "p90"], rows)


def to_json(loop):
    return {"cores": os.cpu_count(), "load": os.getloadavg()[0], "scrape_to_evaluation_seconds": loop.phase,
            "ways": [{"name": way.name, "told_by": way.told, "restarted_by": way.by, "goal": way.goal, "floor": way.floor,
                      "seconds": way.first, "seconds_of_second_fault": way.second, "stages": way.stages} for way in loop.ways]}


def measure_held(loop, count):
    for _ in range(count):
        loop.wait_until_over(HELD)
        HELD.first.append(loop.fault(HELD)[1])
        loop.wait_until_over(HELD)
        HELD.second.append(loop.fault(HELD)[1])
        time.sleep(25)  # the group is quiet: the next first fault is one


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default="")
    parser.add_argument("--held", type=int, default=0)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true", help="each figure as it comes")
    options = parser.parse_args()
    ways = [way for way in WAYS if re.search(options.only, way.name)]
    if not ways:
        parser.error(f"no way is called like {options.only}")
    if e2e.run("docker", "image", "inspect", IMAGE, check=False).returncode != 0:
        e2e.run(e2e.ROOT / "compose/images.sh", "debian")
    loop = Loop(ways + [HELD] * (options.held > 0))
    try:
        loop.start()
        phase = "" if loop.phase is None else f"; from scrape to evaluation {loop.phase:.2f} s"
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}{phase}\n")
        measure(loop, ways, options)
        measure_held(loop, options.held)
        show(loop)
        if options.json:
            options.json.write_text(json.dumps(to_json(loop), indent=1) + "\n")
    except BaseException:
        loop.show_logs()
        raise
    finally:
        loop.stop()


if __name__ == "__main__":
    main()
