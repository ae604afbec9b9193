"""Breaks the demo nginx through healctl and shows how it is healed, as it happens, then the record with its measured times.

Run by demo.sh. Takes the addresses of the stack from the environment; speaks to it through healctl only. Exits 1, naming
the stage, when a stage of the loop does not happen in time.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = "container/local/nginx"
STAGE_LIMIT = 60
OVER_BADLY = {"suppressed", "unmatched", "failed", "escalated", "interrupted", "cancelled", "stale"}

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
USE_COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def paint(text, *names):
    if not USE_COLOUR or not names:
        return text
    return "".join(f"\033[{COLOURS[n]}m" for n in names) + text + "\033[0m"


def url(name, default):
    return f"http://127.0.0.1:{os.environ.get(name, default)}"


NGINX = url("NGINX_PORT", 8080)
EXPORTER = url("EXPORTER_PORT", 9115)
WEBHOOK = url("WEBHOOK_PORT", 9095)
PROMETHEUS = url("PROMETHEUS_PORT", 9090)
ALERTMANAGER = url("ALERTMANAGER_PORT", 9093)


class Stuck(Exception):
    """A stage that did not happen."""


def get(address, timeout=1.0):
    """(status, body), or None when nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return None


def wait_for(what, probe, limit=STAGE_LIMIT, every=0.1):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(every)
    raise Stuck(f"{what} did not happen within {limit} s")


# --- healctl

def healctl_command():
    password = ROOT / "compose/secrets/operator_password"
    binary = ROOT / "build/release/bin/healctl"
    if binary.exists():
        return [str(binary), "--server", WEBHOOK, "--user", "operator", "--password-file", str(password)]
    return ["docker", "run", "--rm", "--network", "host", "-v", f"{password}:/run/password:ro",
            os.environ.get("HEAL_IMAGE", "promheal:local"),
            "healctl", "--server", WEBHOOK, "--user", "operator", "--password-file", "/run/password"]


def healctl(*args):
    done = subprocess.run([*healctl_command(), *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Stuck(f"healctl {' '.join(args)} exited {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def incidents():
    listed = json.loads(healctl("incidents", "list", "-o", "json"))
    return [i for i in (listed["incidents"] if isinstance(listed, dict) else listed) if i["target"] == TARGET]


def incident(identity):
    return json.loads(healctl("incidents", "show", identity, "-o", "json"))


# --- what a visitor of the service sees

class Visitor:
    """Asks nginx for its page all the time and remembers when it stopped and began again to answer."""

    def __init__(self):
        self.down = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._visit, daemon=True)
        self.thread.start()

    def _visit(self):
        failing_since = None
        while not self.stop.is_set():
            now = time.time()
            answer = get(NGINX + "/healthz", timeout=0.5)
            if answer and answer[0] == 200:
                if failing_since:
                    self.down.append((failing_since, time.time()))
                failing_since = None
            elif failing_since is None:
                failing_since = now
            self.stop.wait(0.02)

    def outage(self):
        """(from, to) of the outage, or None."""
        self.stop.set()
        self.thread.join(5)
        return (self.down[0][0], self.down[-1][1]) if self.down else None


# --- output

def parse_time(text):
    if text is None:
        return None
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.datetime.fromisoformat(f"{head}.{(fraction + '000000')[:6]}+00:00").timestamp()


def headline(text):
    print(f"\n{paint(text, 'bold')}")


def row(seconds, stage, text, colour=None):
    clock = f"{seconds:8.2f} s" if seconds is not None else " " * 10
    print(f"{paint(clock, 'dim')}  {paint(f'{stage:<10}', *(['bold', colour] if colour else ['bold']))}{text}", flush=True)


def wait_ready():
    headline("Waiting for the stack")
    wait_for("nginx", lambda: (get(NGINX + "/healthz") or (0,))[0] == 200)
    row(None, "nginx", f"serves at {NGINX}")
    wait_for("heal-webhook", lambda: (get(WEBHOOK + "/-/ready") or (0,))[0] == 200)
    row(None, "healer", f"heal-webhook is ready at {WEBHOOK}")

    def knows_alertmanager():
        answer = get(PROMETHEUS + "/api/v1/alertmanagers")
        return answer and json.loads(answer[1])["data"]["activeAlertmanagers"]

    wait_for("Prometheus knowing Alertmanager", knows_alertmanager)

    def all_probed():
        answer = get(PROMETHEUS + "/api/v1/query?query=probe_success")
        values = [sample["value"][1] for sample in json.loads(answer[1])["data"]["result"]] if answer else []
        return len(values) >= 6 and set(values) == {"1"}

    wait_for("a first good probe of everything", all_probed)
    row(None, "sight", "Prometheus probes every service through heal-exporter, all are up")

    def quiet():
        answer = get(ALERTMANAGER + "/api/v2/alerts?active=true")
        return answer and {a["labels"]["alertname"] for a in json.loads(answer[1])} <= {"Watchdog"}

    wait_for("a quiet Alertmanager", quiet)
    wait_for("earlier incidents being closed", lambda: all(i["state"] in OVER_BADLY | {"closed"} for i in incidents()))
    row(None, "quiet", "no alert is firing")


def follow(known, broken_at):
    """Prints the incident's timeline as it grows; returns the incident once it is verified and resolved."""
    found = wait_for("detection (an incident for nginx)", lambda: [i for i in incidents() if i["id"] not in known])
    identity, shown = found[0]["id"], 0

    def step():
        nonlocal shown
        current = incident(identity)
        for entry in current.get("timeline", []):
            if entry["sequence"] > shown:
                shown = entry["sequence"]
                row(parse_time(entry["at"]) - broken_at, entry["kind"], entry["message"], "cyan")
        if current["state"] in OVER_BADLY:
            raise Stuck(f"healing: incident {identity} ended as {current['state']}: {current['message']}")
        times = current["times"]
        return current if times["verified_at"] and times["resolved_at"] else None

    return wait_for("verification and the alert's resolution", step, every=0.15)


def record(current, outage):
    """The incident's own record: its times, measured from real events, and what they amount to."""
    headline(f"Incident {current['id']}: {current['name']}, {current['state']}")
    times = {name: parse_time(value) for name, value in current["times"].items()}
    start = times["failed_at"] or times["detected_at"]
    stages = [("failed_at", "broken", "red"), ("detected_at", "detected", "yellow"), ("decided_at", "decided", None),
              ("acted_at", "acted", None), ("verified_at", "verified", "green"), ("resolved_at", "resolved", "green")]
    what = {"failed_at": "the container stopped working", "detected_at": "the first alert was accepted, on disk",
            "decided_at": f"playbook {current['playbook']}, every guard agreed", "acted_at": "the first step that changes anything",
            "verified_at": "its health check and its container state say so", "resolved_at": "Alertmanager says the alerts are over"}
    missing = [name for name, _, _ in stages if times[name] is None]
    for name, stage, colour in stages:
        if times[name] is not None:
            row(times[name] - start, stage, what[name], colour)
    if missing:
        raise Stuck(f"the record: {', '.join(missing)} of incident {current['id']} is unknown")
    print()
    print(f"  time to detect   {paint(format(current['mttd_seconds'], '6.2f') + ' s', 'bold')}   failed → detected")
    print(f"  time to recover  {paint(format(current['mttr_seconds'], '6.2f') + ' s', 'bold')}   detected → verified")
    if outage:
        print(f"  seen by clients  {paint(format(outage[1] - outage[0], '6.2f') + ' s', 'bold')}   without an answer from {NGINX}")


def addresses(identity):
    password = "compose/secrets/operator_password"
    headline("The stack keeps running")
    for name, address in (("nginx", NGINX), ("heal-webhook", WEBHOOK), ("heal-exporter", EXPORTER),
                          ("Prometheus", PROMETHEUS + "/alerts"), ("Alertmanager", ALERTMANAGER)):
        print(f"  {name:<14} {address}")
    print(f"\n  export HEALCTL_SERVER={WEBHOOK} HEALCTL_USER=operator HEALCTL_PASSWORD_FILE={password}")
    print(f"  build/release/bin/healctl incidents show {identity}")
    print("  compose/demo.sh --watch --fault pause    break it again in another way")
    print("  compose/demo.sh --down                   remove everything")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", default="kill", choices=["stop", "kill", "crash", "pause", "partition"])
    fault = parser.parse_args().fault
    wait_ready()
    known = {i["id"] for i in incidents()}
    visitor = Visitor()
    headline(f"$ healctl simulate-down {TARGET} --fault {fault} --for 60s")
    broken_at = time.time()
    healctl("simulate-down", TARGET, "--fault", fault, "--for", "60s")
    row(0.0, "broken", f"nginx is down ({fault}); from here on nobody touches it", "red")
    healed = follow(known, broken_at)
    wait_for("nginx serving again", lambda: (get(NGINX + "/healthz") or (0,))[0] == 200)
    record(healed, visitor.outage())
    addresses(healed["id"])


if __name__ == "__main__":
    try:
        main()
    except Stuck as stuck:
        print(f"\n{paint('The loop did not close:', 'bold', 'red')} {stuck}", file=sys.stderr)
        print("Logs: docker logs heal-webhook, heal-exporter, prometheus, alertmanager", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
