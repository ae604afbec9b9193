"""The loop of real programs on this machine, each of which can be taken away and given back: Prometheus, Alertmanager,
a Docker engine behind a relay, heal-webhook with a clock that can be set.

Everything listens on free ports of 127.0.0.1; containers and files have names of their own and are removed.
"""

import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import stack as e2e
from engine_log import EngineLog

IMAGE = "promheal-test/busybox:contract"
ENGINE = "/var/run/docker.sock"
# Serves "ok" and a metrics page; ignores SIGTERM (process 1 without a handler), so that a stop takes its whole grace.
SERVER = ("busybox mkdir -p /www; echo ok >/www/index.html; echo 'demo 1' >/www/metrics; "
          "exec busybox httpd -f -p 127.0.0.1:{port} -h /www")


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat().replace("+00:00", "Z")


def get(url):
    """The text of a page; an OSError when it cannot be had."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


class Daemon:
    """A program that is started, killed and started again, with its log in the folder."""

    def __init__(self, folder, name, command, env=None):
        self.folder, self.name, self.command = folder, name, [str(part) for part in command]
        self.env = {**os.environ, **(env or {})}
        self.process = None

    def start(self):
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.env)

    def end(self, how=signal.SIGKILL):
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(60)
        self.process = None

    def log(self):
        return (self.folder / f"{self.name}.log").read_text(errors="replace")


class Relay:
    """A unix socket in front of the engine's. It can go away, and lose what is under way: the request before the engine
    has it, or the answer after."""

    def __init__(self, path):
        self.path = str(path)
        self.lock = threading.Lock()
        self.listener = None
        self.open = set()
        self.lose = None  # (part of a request line, "request" or "answer"): then it goes away
        self.deny = None  # part of a request line: the connection ends instead of an answer
        self.back()

    def back(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(64)
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def gone(self):
        with self.lock:
            listener, self.listener = self.listener, None
            pairs, self.open = list(self.open), set()
        if listener:
            os.unlink(self.path)
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for each in pairs:
            self._close(each)

    def is_gone(self):
        return self.listener is None

    @staticmethod
    def _close(each):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(ENGINE)
        with self.lock:
            self.open |= {client, engine}
        answers = threading.Thread(target=self._pump, args=(engine, client, None), daemon=True)
        answers.start()
        self._pump(client, engine, self._look)
        answers.join()
        with self.lock:
            self.open -= {client, engine}
        client.close()
        engine.close()

    def _look(self, data, engine):
        """Whether a request goes on to the engine."""
        line = data.split(b"\r\n", 1)[0].decode(errors="replace")
        if self.deny and self.deny in line:
            return False
        if self.lose and self.lose[0] in line:
            what, self.lose = self.lose[1], None
            if what == "answer":
                engine.sendall(data)
            self.gone()
            return False
        return True

    def _pump(self, source, sink, look):
        try:
            while data := source.recv(65536):
                if look and not look(data, sink):
                    break
                sink.sendall(data)
        except OSError:
            pass
        self._close(source)
        self._close(sink)


class Loop:
    def __init__(self, heal_yml, playbooks, rules, containers, prefix="heal-native-"):
        self.prefix = prefix
        self.engine_log = EngineLog()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
        names = ["prometheus", "alertmanager", "webhook", *containers]
        self.ports = dict(zip(names, e2e.free_ports(len(names))))
        self.relay = None
        self.posted = {}
        self.past = set()
        self.clock = self.work / "clock"
        self.set_clock(0)
        self._write(heal_yml, playbooks, rules, containers)
        at = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        self.prometheus = Daemon(self.work, "prometheus", [
            "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", "--rules.alert.resend-delay=2s",
            f"--web.listen-address={at['prometheus']}"])
        self.alertmanager = Daemon(self.work, "alertmanager", [
            "prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=alerts",
            "--cluster.listen-address=", f"--web.listen-address={at['alertmanager']}"])
        faketime = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        fake = {"LD_PRELOAD": str(faketime), "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
        self.healer = Daemon(self.work, "heal-webhook", [
            e2e.BIN / "heal-webhook", "--config.file=heal.yml", "--storage.path=data",
            f"--web.listen-address={at['webhook']}"], fake)
        self.containers = containers

    def _write(self, heal_yml, playbooks, rules, containers):
        at = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        scrapes = [{"job_name": name, "static_configs": [{"targets": [at[name]],
                                                          "labels": {"container": self.prefix + name}}]}
                   for name in containers]
        for name in ("prometheus", "alertmanager"):
            scrapes.append({"job_name": name, "static_configs": [{"targets": [at[name]]}]})
        scrapes.append({"job_name": "heal-webhook", "static_configs": [{"targets": [at["webhook"]]}]})
        (self.work / "rules").mkdir()
        for name, text in rules.items():
            (self.work / "rules" / name).write_text(text)
        (self.work / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules/*.yml"], "scrape_configs": scrapes,
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [at["alertmanager"]]}]}]}}))
        fast = (e2e.ROOT / "alertmanager/fast/alertmanager.yml").read_text()
        head, _, _ = fast.partition("        http_config:")
        (self.work / "alertmanager.yml").write_text(head.replace("heal-webhook:9095", at["webhook"]))
        (self.work / "heal.yml").write_text(heal_yml.format(relay=self.work / "engine.sock", **at))
        (self.work / "playbooks").mkdir()
        for number, text in enumerate(playbooks):
            (self.work / "playbooks" / f"{number}.yml").write_text(text)

    # --- life cycle

    def start(self):
        e2e.claim_engine()
        self.engine_log.start()
        if e2e.run("docker", "image", "inspect", IMAGE, check=False).returncode != 0:
            e2e.run("sh", e2e.ROOT / "tests/contract/ports/docker_image.sh")
        for name, labels in self.containers.items():
            self.make(name, labels)
        self.relay = Relay(self.work / "engine.sock")
        self.alertmanager.start()
        self.prometheus.start()
        self.healer.start()
        self.wait_for("heal-webhook", self.is_ready)
        self.wait_for("Alertmanager", self.alertmanager_answers)
        self.wait_for("every scrape", lambda: self.scraped() and all(value == 1 for value in self.scraped()))

    def make(self, name, labels):
        port = self.ports[name]
        self.docker("rm", "-f", self.prefix + name, check=False)
        given = {"heal.enable": "true", "heal.health": f"http://127.0.0.1:{port}/", **labels}
        options = [word for pair in given.items() for word in ("--label", "=".join(pair))]
        self.docker("run", "-d", "--name", self.prefix + name, "--network", "host", *options, IMAGE,
                    "/bin/sh", "-c", SERVER.format(port=port))

    def stop(self):
        self.engine_log.stop()
        for daemon in (self.healer, self.prometheus, self.alertmanager):
            daemon.end()
        if self.relay:
            self.relay.gone()
        for name in self.containers:
            self.docker("rm", "-f", self.prefix + name, check=False)
        shutil.rmtree(self.work, ignore_errors=True)

    def show_logs(self):
        for daemon in (self.prometheus, self.alertmanager, self.healer):
            print(f"--- {daemon.name}\n{daemon.log()[-3000:]}", file=sys.stderr)

    def wait_for(self, what, done, seconds=20):
        return e2e.wait_for(what, done, seconds, every=0.05)

    def set_clock(self, seconds):
        """heal-webhook's wall clock is so far from the right time; how time passes stays as it is."""
        self.clock.with_suffix(".new").write_text(f"{seconds:+d}\n")
        self.clock.with_suffix(".new").rename(self.clock)

    def bring_all_back(self):
        """All is there again, whatever a test has left behind."""
        if self.relay.is_gone():
            self.relay.back()
        self.relay.lose = self.relay.deny = None
        for daemon in (self.alertmanager, self.prometheus, self.healer):
            if daemon.process is None:
                daemon.start()
        self.wait_for("Alertmanager", self.alertmanager_answers)
        self.docker("start", *(self.prefix + name for name in self.containers))

    # --- Docker

    def docker(self, *args, check=True):
        return e2e.run("docker", *args, check=check).stdout.strip()

    def kill(self, name):
        self.docker("kill", self.prefix + name)

    def serves(self, name):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/", timeout=1).status == 200
        except OSError:
            return False

    def starts(self, name, since):
        """When the engine has started this container since then."""
        return self.engine_log.times(self.prefix + name, since, "start")

    # --- HTTP

    def ask(self, server, path, body=None, method=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[server]}{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        return status, json.loads(text) if text.startswith(("{", "[")) else text

    def is_ready(self):
        return self.ask("webhook", "/-/ready")[0] == 200

    def alertmanager_answers(self):
        return self.ask("alertmanager", "/-/ready")[0] == 200

    def query(self, expression):
        status, found = self.ask("prometheus", "/api/v1/query?query=" + urllib.request.quote(expression))
        if status != 200:
            raise OSError(f"Prometheus answers {status}: {found}")
        return [float(sample["value"][1]) for sample in found["data"]["result"]]

    def scraped(self):
        return self.query("up")

    def firing(self, name):
        """Whether Prometheus says that this alert fires."""
        alerts = self.ask("prometheus", "/api/v1/alerts")[1]["data"]["alerts"]
        return any(a["labels"]["alertname"] == name and a["state"] == "firing" for a in alerts)

    def post(self, name, container):
        """An alert that somebody gives Alertmanager by its API; it fires until resolve()."""
        labels = {"alertname": name, "container": self.prefix + container}
        self.posted[name, container] = {"labels": labels, "startsAt": rfc3339(time.time())}
        self._give(self.posted[name, container], time.time() + 1800)

    def resolve(self, name, container):
        self._give(self.posted.pop((name, container)), time.time())

    def resolve_all(self):
        for name, container in list(self.posted):
            self.resolve(name, container)

    def _give(self, alert, ends_at):
        status, answer = self.ask("alertmanager", "/api/v2/alerts", [{**alert, "endsAt": rfc3339(ends_at)}])
        assert status == 200, (status, answer)

    # --- incidents

    def incidents(self, name=None):
        """Incidents, of a container or all, oldest first."""
        status, answer = self.ask("webhook", "/api/v1/incidents?limit=1000")
        assert status == 200, (status, answer)
        target = f"container/local/{self.prefix}{name}"
        found = [i for i in answer["incidents"] if name is None or i["target"] == target]
        return sorted(found, key=lambda i: i["id"])

    def incidents_since(self, since):
        return [i for i in self.incidents() if e2e.parse_time(i["times"]["detected_at"]).timestamp() > since]

    def newest(self, name):
        """Of those that began since forget_past()."""
        found = [i for i in self.incidents(name) if i["id"] not in self.past]
        return found[-1] if found else None

    def forget_past(self):
        self.past = {i["id"] for i in self.incidents()}

    def until(self, name, states, reason=None, seconds=20):
        """The container's newest incident, once it is in one of these states."""
        states = states.split(",")

        def there():
            incident = self.newest(name)
            return incident if incident and incident["state"] in states and reason in (None, incident["reason"]) else None

        try:
            return self.wait_for(f"{name} to be {states} {reason or ''}", there, seconds)
        except e2e.Timeout as error:
            raise e2e.Timeout(f"{error}\nbut it is {json.dumps(self.newest(name), indent=1)}") from None

    def timeline(self, incident_id):
        return self.ask("webhook", f"/api/v1/incidents/{incident_id}/timeline?limit=500")[1]["timeline"]

    def healctl(self, *args, check=True):
        env = {**os.environ, "NO_COLOR": "1"}
        return e2e.run(e2e.BIN / "healctl", "--server", f"http://127.0.0.1:{self.ports['webhook']}", *args, check=check,
                       env=env)
