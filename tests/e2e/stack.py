"""The compose stack as an object: started under its own project name, prefix, ports and secrets, asked over HTTP, removed.

Standard library only. Everything that waits has a limit and says what it waited for.
"""

import base64
import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import explained
from engine_log import EngineLog

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("HEAL_BIN_DIR", ROOT / "build/dev/bin")).resolve()
PREFIXES = ("heal-e2e-", "heal-show-", "heal-native-")
IMAGE = "promheal-e2e"
CLAIM = None
TEST_IMAGES = {name: f"promheal-test/{name}:local" for name in ("nginx", "prometheus", "alertmanager")}


class Timeout(AssertionError):
    """A stage of the loop did not happen in time."""


def wait_for(what, probe, seconds, every=0.1, is_it=bool):
    """The first answer of `probe` that is it; errors of a service that is not there yet are not."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            last = probe()
            if is_it(last):
                return last
        except (OSError, urllib.error.URLError, json.JSONDecodeError) as error:
            last = error
        time.sleep(every)
    raise Timeout(f"gave up after {seconds} s waiting for {what}; last answer: {last!r:.600}")


def wait_for_none(what, probe, seconds):
    """Until `probe` answers with an empty list; what is left is told when that takes too long."""
    wait_for(what, probe, seconds, is_it=lambda left: left == [])


def run(*command, check=True, env=None):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} exited {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def claim_engine():
    """From here to this process' end it alone breaks and heals on this engine: two healers would heal what the other has broken.
    What an earlier test that was killed has left is removed."""
    global CLAIM
    if CLAIM is None:
        CLAIM = open(pathlib.Path(tempfile.gettempdir()) / "promheal-e2e.lock", "w")  # noqa: SIM115
        try:
            fcntl.flock(CLAIM, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AssertionError("another end-to-end test runs on this machine") from None
    listed = (line.split() for line in run("docker", "ps", "-a", "--format", "{{.Names}} {{.Image}}").stdout.splitlines())
    if left := [name for name, image in listed if name.startswith(PREFIXES) or image.startswith(IMAGE)]:
        run("docker", "rm", "-f", "-v", *left)
    others = run("docker", "ps", "--filter", "label=heal.enable=true", "--format", "{{.Names}}").stdout.split()
    if others:
        raise AssertionError(f"others are healed here ({', '.join(others)}); end that first: compose/demo.sh --down")


def parse_time(text):
    """An RFC 3339 time with any number of fraction digits, to the microsecond; None stays None."""
    if text is None:
        return None
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.datetime.fromisoformat(f"{head}.{(fraction + '000000')[:6]}+00:00")


def edit(path, pattern, replacement):
    """Replaces in a file what must be there."""
    text, count = re.subn(pattern, replacement, path.read_text())
    assert count, f"{pattern} is not in {path}"
    path.write_text(text)


def free_ports(count):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def is_left_alone(incident):
    """It was looked into, the target was found well, and nothing was done."""
    return incident["state"] == "stale" and incident["times"]["acted_at"] is None


class Stack:
    PORTS = ("NGINX_PORT", "EXPORTER_PORT", "WEBHOOK_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT")
    FILES = ("docker-compose.yml",)
    IMAGES = ("debian", "promheal")
    CONFIG = "compose/config/fast"
    ALERTMANAGERS, SCRAPES, PROBES = 2, 10, 6
    LOGGED = ("heal-webhook", "heal-actuator", "heal-exporter", "prometheus", "alertmanager", "twin", "nginx")

    def __init__(self, prefix="heal-e2e-"):
        self.prefix = prefix
        self.project = prefix.rstrip("-")
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="heal-e2e-"))
        self.ports = dict(zip(self.PORTS, free_ports(len(self.PORTS))))
        self.image = IMAGE + ":local"
        self.whole_since = None  # see rest()
        self.engine_log = EngineLog()
        self.env = {
            **os.environ,
            **{name: str(port) for name, port in self.ports.items()},
            "HEAL_PROFILE": "fast",
            "HEAL_PREFIX": prefix,
            "HEAL_IMAGE": self.image,
            "HEAL_BIN_DIR": str(BIN),
            "HEAL_SECRETS": str(self.work / "secrets"),
            "NGINX_IMAGE": TEST_IMAGES["nginx"],
            "PROMETHEUS_IMAGE": TEST_IMAGES["prometheus"],
            "ALERTMANAGER_IMAGE": TEST_IMAGES["alertmanager"],
            "COMPOSE_PROJECT_NAME": self.project,
            "DOCKER_GID": str(os.stat("/var/run/docker.sock").st_gid),
        }

    # --- life cycle

    def start(self):
        claim_engine()
        self.engine_log.start()
        run(ROOT / "compose/images.sh", *self.IMAGES, env=self.env)
        run(ROOT / "compose/secrets.sh", env=self.env)
        self._write_configuration()
        self.compose("down", "-v", "--remove-orphans")
        self.compose("up", "-d", "--no-build")
        self._come_first()
        wait_for("every scrape and every probe to succeed", self.sees_everything, 60)
        wait_for("Prometheus to know every Alertmanager",
                 lambda: len(self.prometheus("/api/v1/alertmanagers")["activeAlertmanagers"]) == self.ALERTMANAGERS, 30)
        wait_for_none("no alert but the watchdog", self.alerts, 60)

    def stop(self):
        self.engine_log.stop()
        self.compose("down", "-v", "--remove-orphans", check=False)
        shutil.rmtree(self.work, ignore_errors=True)
        for folder in pathlib.Path("/sys/fs/cgroup").glob(f"**/{self.project.replace('-', '')}"):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _come_first(self):
        """Our containers get the CPU that they ask for, whatever else the machine does: a hog is one, and what measures is not
        kept waiting. They have a group of their own, and that has the highest weight."""
        for line in pathlib.Path(f"/proc/{self.inspect('heal-webhook')['State']['Pid']}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            group = pathlib.Path("/sys/fs/cgroup", controllers, path.lstrip("/")).parent
            if controllers == "" and (group / "cpu.weight").exists():  # version 2
                (group / "cpu.weight").write_text("10000")
            elif "cpu" in controllers.split(","):
                (group / "cpu.shares").write_text("262144")

    def save_logs(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.LOGGED:
            done = run("docker", "logs", "--timestamps", self.prefix + name, check=False)
            (folder / f"{name}.log").write_text(done.stdout + done.stderr)

    def _write_configuration(self):
        """The fast profile with our prefix in the probes' container labels, our image as the faults' helper, and a second
        Alertmanager that knows nothing of the first: every alert is delivered twice."""
        prometheus, config = self._copy_configuration()
        edit(prometheus / "prometheus.yml", r"- targets: \[alertmanager:9093\]", "- targets: [alertmanager:9093, twin:9093]")
        edit(config / "heal.yml", r'(- \{url: "http://)alertmanager(:9093"\})', r"\1alertmanager\2\n  \1twin\2")
        edit(config / "exporter.yml", r'(\{url: "http://)alertmanager(:9093"\})', r"\1alertmanager\2, \1twin\2")
        edit(config / "exporter.yml", r"container: nginx\b", f"container: {self.prefix}nginx")
        twin = {
            "image": TEST_IMAGES["alertmanager"], "container_name": f"{self.prefix}twin", "networks": ["monitoring"],
            "command": ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager",
                        "--cluster.listen-address="],
            "volumes": [f"{ROOT}/alertmanager/fast:/etc/alertmanager:ro",
                        f"{self.work}/secrets/ingest_password:/run/secrets/ingest_password:ro"],
        }
        services = {"prometheus": {"volumes": [f"{prometheus}:/etc/prometheus:ro"]},
                    "heal-webhook": {"volumes": [f"{config}:/etc/heal:ro"]},
                    "heal-exporter": {"volumes": [f"{config}:/etc/heal:ro"]},
                    "heal-actuator": {"volumes": [f"{config}:/etc/heal:ro"]}, "twin": twin}
        self._write_override(services)

    def _copy_configuration(self):
        prometheus, config = self.work / "prometheus", self.work / "config"
        shutil.copytree(ROOT / "prometheus/fast", prometheus)
        shutil.copytree(ROOT / self.CONFIG, config)
        edit(prometheus / "targets/services.yml", r"container: (\w+)", rf"container: {self.prefix}\1")
        for name in ("heal.yml", "actuator.yml"):
            edit(config / name, r"helper_image: .*", f"helper_image: {self.image}")
        return prometheus, config

    def _write_override(self, services):
        """What differs from the compose files; everything that we wrote is readable by the containers' users."""
        group = self.project.replace("-", "")
        parent = f"{group}.slice" if self.docker("info", "-f", "{{.CgroupDriver}}") == "systemd" else f"/{group}"
        for name in {*self.LOGGED, "protected"}:
            services.setdefault(name, {})["cgroup_parent"] = parent
        (self.work / "override.yml").write_text(json.dumps({"services": services}))
        for path in (self.work, *self.work.rglob("*")):
            if "secrets" not in path.parts:
                path.chmod(0o755 if path.is_dir() else 0o644)

    def compose(self, *args, check=True):
        v2 = run("docker", "compose", "version", check=False).returncode == 0
        tool = ["docker", "compose"] if v2 else ["docker-compose"]
        files = [part for name in self.FILES for part in ("-f", ROOT / "compose" / name)]
        return run(*tool, *files, "-f", self.work / "override.yml", *args, check=check, env=self.env)

    # --- Docker

    def docker(self, *args, check=True):
        return run("docker", *args, check=check).stdout.strip()

    def inspect(self, name):
        return json.loads(self.docker("inspect", self.prefix + name))[0]

    def events(self, name, since, action):
        """How often `action` happened to a container since the Unix time `since`, as the engine itself recorded it."""
        return len(self.engine_log.times(self.prefix + name, since, action))

    # --- HTTP

    def renew_password(self, user):
        (self.work / "secrets" / f"{user}_password").write_text("")
        run(ROOT / "compose/secrets.sh", env=self.env)

    def secret(self, user):
        return (self.work / "secrets" / f"{user}_password").read_text().strip()

    def http(self, port, path, body=None, user=None, timeout=5):
        """(status, text) of one request; a status of 4xx or 5xx is an answer, not an error."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[port]}{path}")
        if body is not None:
            request.data = json.dumps(body).encode() if not isinstance(body, bytes) else body
            request.add_header("Content-Type", "application/json")
        if user:
            name, password_of = user
            token = base64.b64encode(f"{name}:{self.secret(password_of)}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def webhook(self, path, body=None, user=("operator", "operator")):
        status, text = self.http("WEBHOOK_PORT", path, body, user)
        return status, json.loads(text) if text.startswith(("{", "[")) else text

    def prometheus(self, path):
        return json.loads(self.http("PROMETHEUS_PORT", path)[1])["data"]

    def query(self, expression):
        found = self.prometheus("/api/v1/query?query=" + urllib.request.quote(expression))["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in found]

    def nginx_serves(self):
        return self.http("NGINX_PORT", "/healthz", timeout=1) == (200, "ok\n")

    def alerts(self):
        """Names and containers of the alerts Alertmanager holds active, the watchdog apart."""
        found = json.loads(self.http("ALERTMANAGER_PORT", "/api/v2/alerts?active=true")[1])
        pairs = {(a["labels"]["alertname"], a["labels"].get("container", "")) for a in found}
        return sorted(pairs - {("Watchdog", "")})

    def sees_everything(self):
        up = self.query('up{optional!="yes"}')
        probes = self.query("probe_success")
        return len(up) >= self.SCRAPES and len(probes) == self.PROBES and all(value == 1 for _, value in up + probes)

    def wait_until_told(self, since, seconds):
        """Until all has been scraped after `since` and every rule evaluated after that: no alert of what was before is to come."""
        def is_scraped():
            oldest = self.query('min(timestamp({__name__=~"probe_success|heal_container_up"}))')
            return oldest and oldest[0][1] > since

        def is_evaluated():
            groups = self.prometheus("/api/v1/rules")["groups"]
            return min(parse_time(group["lastEvaluation"]).timestamp() for group in groups) > scraped

        wait_for("everything to be scraped", is_scraped, seconds)
        scraped = time.time()
        wait_for("every rule to be evaluated", is_evaluated, seconds)

    def rest(self):
        """What a test has broken is whole again, and nothing is broken until somebody waits for quiet."""
        self.whole_since = time.time()

    def wait_for_quiet(self, target, seconds, is_well=lambda: True):
        """Until what was broken before has been told, and nothing of it is left: no alert, and no open incident of the target."""
        wait_for("it to be well", is_well, seconds)
        since, self.whole_since = self.whole_since or time.time(), None
        self.wait_until_told(since, seconds)
        wait_for_none("no alert", self.alerts, seconds)
        wait_for_none("earlier incidents to be over", lambda: self.open_incidents(target), seconds)

    # --- incidents and healctl

    def open_incidents(self, target):
        """An escalated one is open, until people or the end of its alerts close it."""
        return [(i["id"], i["state"], i["reason"]) for i in self.incidents(target) if i["state"] not in explained.OVER]

    def new_incidents(self, target, known):
        """Those of `target` that are not known, oldest first. What was left alone is no answer to a fault: a stall of the machine
        can begin such a one at any time."""
        return [i for i in self.incidents(target) if i["id"] not in known and not is_left_alone(i)]

    def target(self, name):
        return f"container/local/{self.prefix}{name}"

    def incidents(self, target):
        """Incidents of a target, oldest first."""
        status, answer = self.webhook("/api/v1/incidents?limit=100")
        assert status == 200, (status, answer)
        return sorted((i for i in answer["incidents"] if i["target"] == target), key=lambda i: i["id"])

    def incident(self, incident_id):
        status, answer = self.webhook(f"/api/v1/incidents/{incident_id}")
        assert status == 200, (status, answer)
        return answer["incident"]

    def check_explanations(self):
        """`healctl explain` answers for every incident that there has been."""
        _, answer = self.webhook("/api/v1/incidents?limit=1000")
        timeline = lambda i: self.webhook(f"/api/v1/incidents/{i}/timeline?limit=500")[1]["timeline"]  # noqa: E731
        return explained.check(self.healctl, answer["incidents"], timeline)

    def healctl_command(self, *args):
        return [str(part) for part in (BIN / "healctl", "--server", f"http://127.0.0.1:{self.ports['WEBHOOK_PORT']}", "--user", "operator",
                                       "--password-file", self.work / "secrets/operator_password", *args)]

    def healctl(self, *args, check=True):
        return run(*self.healctl_command(*args), check=check, env={**os.environ, "NO_COLOR": "1"})

    def begin_healctl(self, *args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL):
        """Runs on while we look."""
        return subprocess.Popen(self.healctl_command(*args), env={**os.environ, "NO_COLOR": "1", "TERM": "xterm"}, text=True,
                                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
