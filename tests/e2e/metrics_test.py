#!/usr/bin/env python3
"""The metrics of the running programs: every closed set of label values is there from the start, at 0, promtool finds
nothing to complain of, and what the alert rules and the READMEs name exists.

No engine is needed: one that is not there is no reason to show less.
"""

import itertools
import pathlib
import re
import shutil
import subprocess
import tempfile

import native
import stack as e2e

PLAYBOOK = """
version: 1
playbook: restart-container
mode: auto
steps: [{name: pause, docker.pause: {}, undo: inverse}, {name: restart, docker.restart: {}}]
verify: {all: [{container: running}]}
on_resolved: {steps: [{name: tell, http.request: {url: "http://127.0.0.1:9/"}}]}
"""
HEAL_YML = """
version: 1
engines: {local: {unix: %s/no-engine.sock}}
faults: {enabled: true}
allow: {hosts: [127.0.0.1]}
routes: [{match: [alertname="Down"], playbook: restart-container, target: "container/local/{{ labels.container }}"}]
"""
EXPORTER_YML = """
modules: {http_2xx: {prober: http}}
probes: [{name: one, module: http_2xx, interval: 1s, targets: ["http://127.0.0.1:9/"]}]
watch:
  docker: [{engine: local, unix: %s/no-engine.sock}]
  processes: [{process: exporter, name: heal-exporter}]
  systemd: [{unit: none.service}]
  host: {}
"""
SOURCES = ["alertmanager", "grafana", "azure-monitor", "sns", "eventbridge", "docker", "schedule", "manual"]
STATES = ["received", "held", "suppressed", "unmatched", "planned", "awaiting_approval", "executing", "verifying",
          "recovered", "failed", "escalated", "interrupted", "cancelled", "stale", "closed"]
OVER = ["suppressed", "unmatched", "failed", "interrupted", "cancelled", "stale", "closed"]
GUARDS = ["none", "route", "inventory", "plan", "lever", "fresh_evidence", "before", "pauses", "windows", "blocking_alerts",
          "storm", "breaker", "flap", "budget", "cooldown", "target_lock", "in_flight", "population", "mode", "store"]
BOOK = ["restart-container"]
KINDS = ["docker.pause", "docker.unpause", "docker.restart", "http.request"]
# What must be there before anything has happened: family -> label -> all values of its closed set.
CLOSED = {
    "heal_events_received_total": {"source": SOURCES, "result": [
        "accepted", "resolved", "duplicate", "late_resolve", "late_evidence", "heartbeat", "own_action", "over", "ignored",
        "rejected", "store_error"]},
    "heal_events_duplicate_total": {"source": SOURCES},
    "heal_decisions_total": {"playbook": BOOK, "guard": GUARDS, "result": [
        "allow", "hold", "refuse", "stale", "shadow", "ask", "unmatched"]},
    "heal_actions_total": {"playbook": BOOK, "step": KINDS, "outcome": [
        "verified", "ran_unverified", "undone", "failed", "timeout", "unknown", "refused", "skipped"]},
    "heal_action_duration_seconds_count": {"playbook": BOOK, "step": KINDS},
    "heal_incident_transitions_total": {"state": STATES},
    "heal_incidents_open": {"state": [state for state in STATES if state not in OVER]},
    "heal_inflight": {"playbook": BOOK},
    "heal_breakers_open": {"playbook": BOOK},
    "heal_fault_active": {"fault": ["stop", "kill", "crash", "pause"]},
    **{name: {} for name in (
        "heal_time_to_decide_seconds_count", "heal_time_to_act_seconds_count", "heal_time_to_verify_seconds_count",
        "heal_time_to_detect_seconds_count", "heal_time_to_recover_seconds_count",
        "heal_queue_depth", "heal_queue_oldest_age_seconds", "heal_approval_pending", "heal_unknown_outcomes",
        "heal_broken_invariants_total", "heal_journal_errors_total", "heal_alerts_truncated_total", "heal_lever_engaged",
        "heal_paused", "heal_storm_active", "heal_last_successful_intake_timestamp_seconds")},
}
# One sample for each thing that there is now: none at the start, but the family is known.
OPEN = ["heal_pause_info", "heal_breaker_state", "heal_lock_holder_info", "heal_fault_deadline_timestamp_seconds"]
# Not there before a group was asked about for the first time: nobody knows the groups before.
LATER = {"heal_population", "heal_population_unhealthy"}


class Programs:
    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heal-metrics-"))
        (self.folder / "playbooks").mkdir()
        (self.folder / "playbooks/restart.yml").write_text(PLAYBOOK)
        (self.folder / "heal.yml").write_text(HEAL_YML % self.folder)
        (self.folder / "exporter.yml").write_text(EXPORTER_YML % self.folder)
        self.ports = dict(zip(("webhook", "exporter"), e2e.free_ports(2)))
        self.daemons = [
            native.Daemon(self.folder, "webhook", [e2e.BIN / "heal-webhook", "--storage.path=data",
                                                   f"--web.listen-address=127.0.0.1:{self.ports['webhook']}"]),
            native.Daemon(self.folder, "exporter", [e2e.BIN / "heal-exporter", "--config.file=exporter.yml",
                                                    f"--web.listen-address=127.0.0.1:{self.ports['exporter']}"])]
        for daemon in self.daemons:
            daemon.start()
        return self

    def __exit__(self, *failure):
        for daemon in self.daemons:
            if failure[0]:
                print(f"--- {daemon.name}\n{daemon.log()[-2000:]}")
            daemon.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def page(self, program, path="/metrics"):
        ask = lambda: native.get(f"http://127.0.0.1:{self.ports[program]}{path}")  # noqa: E731
        return e2e.wait_for(f"{program}'s metrics", ask, 20)


def families(page):
    return {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")}


def samples(page):
    """(name, labels) -> value."""
    found = {}
    for line in page.splitlines():
        match = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (\S+)", line)
        if match:
            labels = frozenset(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            found[match[1], labels] = float(match[3])
    return found


def test_closed_sets_are_there_from_the_start(webhook, _exporter, _probe):
    found = samples(webhook)
    missing, moved = [], []
    for name, labels in CLOSED.items():
        for values in itertools.product(*labels.values()):
            key = (name, frozenset(zip(labels, values)))
            missing += [key] if key not in found else []
            moved += [key] if found.get(key, 0) != 0 else []
    assert not missing, f"not there from the start: {missing}"
    assert not moved, f"not 0 at the start: {moved}"
    steps = {dict(labels)["step"] for name, labels in found if name == "heal_actions_total"}
    assert steps == set(KINDS), f"steps that no playbook has: {steps - set(KINDS)}"
    unknown = [name for name in OPEN if name not in families(webhook)]
    assert not unknown, f"families that nobody has heard of: {unknown}"


def test_promtool_finds_nothing(*pages):
    for page in pages:
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stdout + done.stderr


def known(pages):
    names = set().union(*map(families, pages))
    return names | {name + suffix for name in names for suffix in ("_count", "_sum", "_bucket")}


def test_rules_name_metrics_that_exist(*pages):
    there = known(pages)
    for path in sorted(e2e.ROOT.glob("prometheus/*/rules/*.yml")):
        for expr in re.findall(r"expr: (.*(?:\n {10,}.*)*)", path.read_text()):
            bare = re.sub(r'"[^"]*"', '""', expr)
            named = set(re.findall(r"\b(?:heal|probe)_[a-z_]+", bare))
            assert named <= there, f"{path}: nobody exposes {sorted(named - there)}"
            for pattern in re.findall(r'__name__=~"([^"]*)"', expr):
                assert any(re.fullmatch(pattern, name) for name in there), f"{path}: nobody exposes {pattern}"


def test_readmes_name_metrics_that_exist(*pages):
    there = known(pages)
    for path in ("webhook/README.md", "common/remedy/README.md"):
        text = re.sub(r"\{([a-z_,]+)\}_seconds", r"_seconds", (e2e.ROOT / path).read_text().split("## Metrics")[1])
        named = set(re.findall(r"`(heal_[a-z_]+[a-z])(?=[`{])", text)) - {"heal_time_to_", "heal_time_to"}
        named = {name for name in named if not name.startswith("heal_time_to__")}
        assert named <= there | LATER, f"{path}: nobody exposes {sorted(named - there - LATER)}"


def main():
    with Programs() as programs:
        probe = "/probe?module=http_2xx&target=http://127.0.0.1:9/"
        pages = programs.page("webhook"), programs.page("exporter"), programs.page("exporter", probe)
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(*pages)
                print(f"ok {name}", flush=True)


if __name__ == "__main__":
    main()
