"""The servers that are compared: ours, and what Debian has that takes Alertmanager's notifications.

Each is started on a port of its own on loopback, with a folder of its own, and ended by its process id.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

FLASK = """
import json, os, sqlite3, threading
from flask import Flask, request
app = Flask(__name__)
local = threading.local()

def db():
    if not hasattr(local, "db"):
        local.db = sqlite3.connect(os.environ["BENCH_DB"], timeout=30, isolation_level=None)
        local.db.execute("PRAGMA journal_mode=WAL")
        local.db.execute("PRAGMA synchronous=FULL")
        local.db.execute("CREATE TABLE IF NOT EXISTS alerts(key TEXT PRIMARY KEY, doc TEXT)")
    return local.db

@app.post("/webhook")
def webhook():
    alerts = request.get_json()["alerts"]
    if "BENCH_DB" in os.environ:
        db().execute("BEGIN IMMEDIATE")
        db().executemany("INSERT OR IGNORE INTO alerts VALUES (?,?)",
                         [(a["fingerprint"] + a["startsAt"], json.dumps(a)) for a in alerts])
        db().execute("COMMIT")
    return {"taken": len(alerts)}
"""

HEAL = """version: 1
playbooks: [playbooks/*.yml]
allow: {{commands: ["{stamp}"]}}
defaults: {{guards: {{fresh_evidence: off, in_flight: {{per_group: 64, total: 64}}}}}}
storm: {{incidents: 1000, window: 1m, cooldown: 1m}}
inventory:
  targets:
{targets}
routes:
  - {{match: ['alertname="BenchHeal"'], playbook: stamp, target: "service/{{{{ labels.target }}}}"}}
  - {{match: ['alertname="BenchStorm"'], playbook: look, target: "service/{{{{ labels.target }}}}"}}
"""

STAMP = """version: 1
playbook: stamp
summary: Runs the program that says when it was started.
mode: auto
steps:
  - {{name: act, command: {{argv: ["{stamp}", "{socket}"]}}}}
"""

LOOK = """version: 1
playbook: look
summary: Plans and touches nothing.
mode: shadow
steps:
  - {{name: act, command: {{argv: ["{stamp}", "{socket}"]}}}}
"""


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Server:
    """One server under test."""

    name = ""
    durable = "no"
    path = "/webhook"

    def __init__(self, folder, stamp):
        self.folder = pathlib.Path(folder)
        self.stamp = stamp
        self.socket = self.folder / "stamps"
        self.port = free_port()
        self.process = None
        self.folder.mkdir(parents=True, exist_ok=True)

    def write_files(self):
        pass

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def probe(self):
        """A request that a server which serves answers with 200."""
        return urllib.request.Request(f"http://127.0.0.1:{self.port}/")

    def start(self):
        """Starts it; seconds until it answered."""
        self.write_files()
        log = open(self.folder / "log", "ab")
        begun = time.monotonic()
        self.process = subprocess.Popen(self.command(), cwd=self.folder, env=self.environment(), stdout=log, stderr=log,
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        log.close()
        while time.monotonic() - begun < 120:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {(self.folder / 'log').read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(self.probe(), timeout=5):
                    return time.monotonic() - begun
            except urllib.error.HTTPError as answer:
                if answer.code in (404, 405):
                    return time.monotonic() - begun
            except OSError:
                pass
            time.sleep(0.002)
        raise RuntimeError(f"{self.name} does not answer")

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def processes(self):
        """The process and its children."""
        found = [self.process.pid]
        for pid in found:
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                found.extend(int(child) for child in children.read_text().split())
        return found

    def memory(self, key="VmRSS"):
        """MiB of all its processes."""
        total = 0
        for pid in self.processes():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(key + ":"):
                    total += int(line.split()[1])
        return total / 1024

    def url(self):
        return f"http://127.0.0.1:{self.port}{self.path}"


class HealWebhook(Server):
    name = "heal-webhook"
    durable = "yes"

    def __init__(self, folder, stamp, binary):
        super().__init__(folder, stamp)
        self.binary = binary

    def write_files(self):
        targets = "".join(f"    - {{target: service/{n}}}\n" for n in range(400))
        (self.folder / "heal.yml").write_text(HEAL.format(stamp=self.stamp, targets=targets))
        (self.folder / "playbooks").mkdir(exist_ok=True)
        values = {"stamp": self.stamp, "socket": self.socket}
        (self.folder / "playbooks/stamp.yml").write_text(STAMP.format(**values))
        (self.folder / "playbooks/look.yml").write_text(LOOK.format(**values))

    def command(self):
        return [self.binary, "--config.file=heal.yml", "--storage.path=data", "--log.level=warn",
                f"--web.listen-address=127.0.0.1:{self.port}"]

    def probe(self):
        return urllib.request.Request(f"http://127.0.0.1:{self.port}/-/ready")


class AdnanhWebhook(Server):
    name = "adnanh/webhook"
    path = "/hooks/heal"

    def write_files(self):
        hook = {"id": "heal", "execute-command": str(self.stamp),
                "pass-arguments-to-command": [{"source": "string", "name": str(self.socket)}],
                "trigger-rule": {"match": {"type": "value", "value": "BenchHeal",
                                           "parameter": {"source": "payload", "name": "commonLabels.alertname"}}}}
        (self.folder / "hooks.json").write_text(json.dumps([hook]))

    def command(self):
        return ["webhook", "-hooks", "hooks.json", "-ip", "127.0.0.1", "-port", str(self.port)]


class FlaskServer(Server):
    def write_files(self):
        (self.folder / "app.py").write_text(FLASK)


class FlaskDevelopment(FlaskServer):
    name = "Flask's own server"

    def command(self):
        return ["/usr/bin/python3", "-m", "flask", "--app", "app", "run", "--port", str(self.port)]


class Gunicorn(FlaskServer):
    name = "gunicorn 2x8, Flask"

    def command(self):
        return ["/usr/bin/gunicorn", "-w", "2", "--threads", "8", "-b", f"127.0.0.1:{self.port}", "app:app"]


class GunicornSqlite(Gunicorn):
    name = "the same, SQLite FULL"
    durable = "yes"

    def environment(self):
        return dict(os.environ, BENCH_DB=str(self.folder / "alerts.db"))
