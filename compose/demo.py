"""Breaks the demo nginx through healctl and shows how it is healed, as it happens, then the record with its measured times.

Run by demo.sh. Takes the addresses of the stack from the environment; breaks it and looks at it through healctl. Exits 1, naming
the stage, when a stage of the loop does not happen in time.
"""

import argparse
import base64
import datetime
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEALCTL = ROOT / "compose/healctl"
PASSWORD = ROOT / "compose/secrets/operator_password"
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
WIDTH = max(60, min(shutil.get_terminal_size((110, 24)).columns, 120))
INDENT = 23


class Stuck(Exception):
    """A stage that did not happen."""


def get(address, timeout=1.0, headers=None):
    """(status, body), or None when nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return None


def webhook_is_ready():
    password = PASSWORD.read_text().strip()
    login = base64.b64encode(f"operator:{password}".encode()).decode()
    answer = get(WEBHOOK + "/-/ready", headers={"Authorization": f"Basic {login}"})
    return answer and answer[0] == 200


def wait_for(what, probe, limit=STAGE_LIMIT, every=0.1):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(every)
    raise Stuck(f"{what} did not happen within {limit} s")


# --- healctl

def healctl(*args):
    done = subprocess.run([HEALCTL, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Stuck(f"healctl {' '.join(args)} exited {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def incidents():
    listed = json.loads(healctl("incidents", "list", "-o", "json"))
    return [i for i in (listed["incidents"] if isinstance(listed, dict) else listed) if i["target"] == TARGET]


def story(identity):
    """{"incident": …, "timeline": […], "episodes": […]}"""
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


def wrapped(text, first=""):
    """The text in lines that fit right of the stages."""
    return textwrap.wrap(first + text, WIDTH - INDENT, subsequent_indent=" " * len(first), break_long_words=False) or [""]


def row(seconds, stage, text, colour=None, details=()):
    """One line of the story, `details` below it."""
    clock = f"{seconds:8.2f} s" if seconds is not None else " " * 10
    lines = wrapped(text)
    print(f"{paint(clock, 'dim')}  {paint(f'{stage:<11}', *(['bold', colour] if colour else ['bold']))}{lines[0]}")
    for line in lines[1:]:
        print(" " * INDENT + line)
    for detail in details:
        for line in wrapped(detail, "· "):
            print(" " * INDENT + paint(line, "dim"))
    sys.stdout.flush()


def wait_ready():
    headline("Waiting for the stack")
    wait_for("nginx serving", lambda: (get(NGINX + "/healthz") or (0,))[0] == 200)
    row(None, "nginx", f"serves at {NGINX}")
    wait_for("heal-webhook being ready", webhook_is_ready)
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


def tell(entry, seconds):
    """One entry of an incident's timeline as a line of the story; changes of state that only repeat another are left out."""
    kind, message, data = entry["kind"], entry["message"], entry["data"]
    if kind == "received":
        row(seconds, "detected", message, "yellow")
    elif kind in ("joined", "late"):
        row(seconds, "alert", message)
    elif kind == "planned":
        row(seconds, "planned", " → ".join(f"{step['name']} ({step['kind']})" for step in data["plan"]["steps"]))
    elif kind == "decision":
        why = [f"{guard['guard']}: {guard['message']}" for guard in data.get("guards", [])]
        row(seconds, "decided", message, "cyan", why)
    elif kind in ("step_intent", "step_outcome"):
        row(seconds, "acts" if kind == "step_intent" else "done", message, "cyan")
    elif kind == "verify" and data.get("answer") == "pass":
        row(seconds, "verified", "it helped; every check passes", "green", [check["message"] for check in data["checks"]])
    elif kind == "state":
        if data.get("to") not in ("planned", "executing", "verifying", "recovered", "closed"):
            row(seconds, data.get("to", kind), message, "red")
    else:
        row(seconds, kind, message, "green" if kind == "resolved" else None)


def follow(known, broken_at, ends_badly):
    """Prints the incident's timeline as it grows; returns the incident once it is verified and resolved, or, where a restart
    cannot help, once promheal has said so."""
    found = wait_for("detection (an incident for nginx)", lambda: [i for i in incidents() if i["id"] not in known])
    identity, shown = found[0]["id"], 0

    def step():
        nonlocal shown
        told = story(identity)
        current = told["incident"]
        for entry in told["timeline"]:
            if entry["sequence"] > shown:
                shown = entry["sequence"]
                tell(entry, parse_time(entry["at"]) - broken_at)
        if current["state"] in OVER_BADLY:
            if ends_badly:
                return current
            raise Stuck(f"incident {identity} ended as {current['state']}: {current['message']}")
        times = current["times"]
        return current if times["verified_at"] and times["resolved_at"] and not ends_badly else None

    return wait_for("verification and the end of the alerts", step, every=0.15)


STAGES = (("failed_at", "broken", "red", "the fault hit it"),
          ("detected_at", "detected", "yellow", "its first alert was accepted, on disk"),
          ("decided_at", "decided", None, "every guard agreed to playbook {playbook}"),
          ("acted_at", "acted", None, "the first step that changes something began"),
          ("verified_at", "verified", "green", "its health check and its container state agree that it works"),
          ("resolved_at", "resolved", "green", "the last of its alerts ended"))


def record(current, outage, stages):
    """The incident's own record: its times, measured from real events, and what they amount to."""
    headline(f"The record: incident {current['id']}, {current['name']}, {current['state']}")
    times = {name: parse_time(value) for name, value in current["times"].items()}
    start = times["failed_at"] or times["detected_at"]
    for name, stage, colour, what in stages:
        if times[name] is not None:
            row(times[name] - start, stage, what.format(**current), colour)
    missing = [name for name, *_ in stages if times[name] is None]
    if missing:
        raise Stuck(f"the record: {', '.join(missing)} of incident {current['id']} is unknown")
    print()
    amount("time to detect", current["mttd_seconds"], "broken → detected")
    if current["mttr_seconds"] is not None:
        amount("time to recover", current["mttr_seconds"], "detected → verified")
    if outage:
        amount("seen by clients", outage[1] - outage[0], f"no answer from {NGINX}")


def amount(name, seconds, what):
    print(f"  {name:<16} {paint(f'{seconds:6.2f} s', 'bold')}   {what}")


def addresses(identity):
    headline("The stack keeps running")
    for name, address in (("nginx", NGINX), ("heal-webhook", f"{WEBHOOK}/metrics   user operator"), ("heal-exporter", EXPORTER),
                          ("Prometheus", PROMETHEUS + "/alerts"), ("Alertmanager", ALERTMANAGER)):
        print(f"  {name:<14} {address}")
    print(f"\n  alias healctl={shlex.quote(str(HEALCTL))}")
    print(f"  healctl incidents show {identity}")
    print("  healctl doctor")
    print("  compose/demo.sh --watch --fault pause    break it again, in another way")
    print("  compose/demo.sh --down                   remove the stack")


def watch(fault):
    wait_ready()
    known = {i["id"] for i in incidents()}
    visitor = Visitor()
    headline(f"$ healctl simulate-down {TARGET} --fault {fault} --for 60s")
    broken_at = time.time()
    healctl("simulate-down", TARGET, "--fault", fault, "--for", "60s")
    row(0.0, "broken", f"nginx is down ({fault}); from here on nobody touches it", "red")
    ends_badly = fault == "partition"
    ended = follow(known, broken_at, ends_badly)
    if ends_badly:
        row(None, "", "A restart cannot mend a network. promheal has tried, looked, and says so.")
        headline(f"$ healctl simulate-up {TARGET}")
        healctl("simulate-up", TARGET)
    wait_for("nginx serving again", lambda: (get(NGINX + "/healthz") or (0,))[0] == 200)
    record(ended, visitor.outage(), STAGES[:4] if ends_badly else STAGES)
    addresses(ended["id"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", default="kill", choices=["stop", "kill", "crash", "pause", "partition"])
    sys.stdout.reconfigure(errors="replace")
    watch(parser.parse_args().fault)


if __name__ == "__main__":
    try:
        main()
    except Stuck as stuck:
        print(f"\n{paint('The loop did not close:', 'bold', 'red')} {stuck}", file=sys.stderr)
        print("Logs: docker logs heal-webhook, heal-exporter, prometheus, alertmanager", file=sys.stderr)
        print("The fault, if there is one, ends by itself after 60 s.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
