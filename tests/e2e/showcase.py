"""The stack of compose/showcase.yml as an object: the demo APIs, HAProxy, exporters and the mail catcher beside the rest."""

import json
import shutil
import threading
import time
import urllib.error
import urllib.request

import stack as e2e

PROFILES = ("api", "failover", "exporters")


class Showcase(e2e.Stack):
    PORTS = (*e2e.Stack.PORTS, "API_PORT", "DEMO_API_PORT", "MAIL_PORT")
    FILES = ("docker-compose.yml", "showcase.yml")
    IMAGES = ("debian", "showcase-debian", "promheal", "showcase")
    CONFIG = "compose/showcase/heal"
    ALERTMANAGERS, SCRAPES, PROBES = 1, 12, 9
    LOGGED = (*(name for name in e2e.Stack.LOGGED if name != "twin"), "demo-api", "onprem", "cloud", "haproxy", "mail", "nginx-exporter", "node-exporter")

    def __init__(self, prefix="heal-show-"):
        super().__init__(prefix)
        self.env |= {
            "HEAL_ANSIBLE_IMAGE": "promheal-e2e-ansible:local", "DEMO_API_IMAGE": "promheal-e2e-demo-api:local",
            "COMPOSE_PROFILES": ",".join(PROFILES),
            **{f"{name.upper().replace('-', '_')}_IMAGE": f"promheal-test/{name}:local"
               for name in ("haproxy", "nginx-exporter", "node-exporter")}}

    def _write_configuration(self):
        """The showcase's own files with our prefix where they name a container."""
        e2e.run(e2e.BIN / "healctl", "playbook", "check", "--strict", e2e.ROOT / self.CONFIG / "heal.yml")
        prometheus, config = self._copy_configuration()
        more = self.work / "prometheus-more"
        shutil.copytree(e2e.ROOT / "prometheus/showcase", more)
        for path in (more / "targets/api.yml", more / "scrape/api.yml", more / "scrape/exporters.yml"):
            e2e.edit(path, r"container: ([\w-]+)", rf"container: {self.prefix}\1")
        for path in (config / "heal.yml", config / "playbooks/failover.yml"):
            e2e.edit(path, r"container/local/([a-z][\w-]*)", rf"container/local/{self.prefix}\1")
        e2e.edit(config / "exporter.yml", r"/watched/", f"/watched/{self.prefix}")
        e2e.edit(config / "actuator.yml", r"verbs: \[recreate\]", "verbs: [recreate, update]")  # no playbook of the showcase's updates
        etc = {"volumes": [f"{config}:/etc/heal:ro"]}
        self._write_override({
            "prometheus": {"volumes": [f"{prometheus}:/etc/prometheus:ro", f"{more}:/etc/prometheus-more:ro"]},
            "heal-webhook": etc, "heal-exporter": etc, "heal-actuator": etc})

    def reload(self):
        """heal-webhook reads its files again."""
        status, text = self.http("WEBHOOK_PORT", "/-/reload", b"", ("operator", "operator"))
        assert status == 200, text

    def silence(self, container):
        """Alertmanager tells nobody of the alerts of that container; gives what ends it."""
        now = time.time()
        stamp = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))  # noqa: E731
        silence = {"matchers": [{"name": "container", "value": self.prefix + container, "isRegex": False}],
                   "startsAt": stamp(now), "endsAt": stamp(now + 600), "createdBy": "test", "comment": "told by another way"}
        status, text = self.http("ALERTMANAGER_PORT", "/api/v2/silences", silence)
        assert status == 200, text
        made = json.loads(text)["silenceID"]
        return lambda: e2e.run("amtool", f"--alertmanager.url=http://127.0.0.1:{self.ports['ALERTMANAGER_PORT']}", "silence", "expire", made)

    def crash(self):
        """The demo API ends itself with exit code 3, without an answer."""
        try:
            self.http("DEMO_API_PORT", "/crash?code=3", b"", timeout=2)
        except OSError:
            pass

    def mails(self, since=0.0):
        """The subjects of what was caught since that time."""
        return [mail["subject"] for mail in json.loads(self.http("MAIL_PORT", "/messages")[1]) if mail["at"] >= since]

    def post_inside(self, container, path, body):
        """Sent from inside of a container of the demo API, which nobody else reaches."""
        request = f"POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        script = 'exec 3<>/dev/tcp/127.0.0.1/5000 && printf %s "$1" >&3 && head -n 1 <&3'
        said = self.docker("exec", self.prefix + container, "bash", "-c", script, "-", request)
        assert " 200 " in said, said

    def mode(self, **modes):
        status, text = self.http("DEMO_API_PORT", "/mode", modes)
        assert status == 200, text

    def timeline(self, incident_id):
        return self.webhook(f"/api/v1/incidents/{incident_id}/timeline?limit=500")[1]["timeline"]


class Client:
    """Asks an address all the time, one request after another, and remembers what went wrong and when."""

    def __init__(self, url, every=0.05, patience=30.0):
        self.url, self.every, self.patience = url, every, patience
        self.failures, self.servers, self.slowest, self.asked = [], [], 0.0, 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _ask(self):
        try:
            with urllib.request.urlopen(self.url, timeout=self.patience) as answer:
                return json.loads(answer.read()).get("served_by"), None
        except urllib.error.HTTPError as error:
            return None, error.code
        except (OSError, ValueError) as error:
            return None, repr(error)

    def _run(self):
        while not self.ending.is_set():
            begun = time.time()
            served_by, problem = self._ask()
            self.asked += 1
            self.slowest = max(self.slowest, time.time() - begun)
            if problem:
                self.failures.append((begun, problem))
            elif not self.servers or self.servers[-1] != served_by:
                self.servers.append(served_by)
            self.ending.wait(self.every)

    def stop(self):
        self.ending.set()
        self.thread.join(self.patience + 1)

    def failed_seconds(self, since=0.0, until=float("inf")):
        """How many spans of one second it takes to cover all that failed of what was asked in between."""
        spans, end = 0, 0.0
        for at, _ in self.failures:
            if since <= at < until and at >= end:
                spans, end = spans + 1, at + 1
        return spans
