"""The drills of compose/drills as a user runs them, and one that must fail, on the stack that a test file has started."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import shutil
import struct
import tempfile
import termios
import time
import unittest
import xml.etree.ElementTree

import stack as e2e

FOLDER = e2e.ROOT / "compose/drills"
HEALED = ["steady", "inject", "alert", "decision", "heal", "untouched", "revert", "steady again"]


class Drills(unittest.TestCase):
    """Needs `stack`, given by whoever loads these."""

    maxDiff = None
    stack = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heal-drill-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.target = self.stack.target("nginx")
        self.stack.wait_for_quiet(self.target, 90, self.stack.nginx_serves)
        self.started = time.time()

    def drill(self, name, *changes):
        """A drill of compose/drills for this stack's nginx, with what differs from it: pairs of pattern and replacement."""
        path = self.folder / name
        shutil.copy(FOLDER / name, path)
        e2e.edit(path, "target: container/local/nginx", f"target: {self.target}")
        for pattern, replacement in changes:
            e2e.edit(path, pattern, replacement)
        return path

    def run_drill(self, path, *options):
        """(exit code, JSON report or None, result -> messages of the JUnit report, what was said)"""
        junit = self.folder / "junit.xml"
        done = self.stack.healctl("drill", "run", path, "-o", "json", "--junit", junit, "--prometheus",
                                  f"http://127.0.0.1:{self.stack.ports['PROMETHEUS_PORT']}", *options, check=False)
        report = json.loads(done.stdout) if done.stdout else None
        cases = xml.etree.ElementTree.parse(junit).getroot().iter("testcase") if junit.exists() else ()
        cases = [(case.get("name"), [failure.get("message") for failure in case.iter("failure")]) for case in cases]
        return done.returncode, report, cases, done.stderr

    def check_no_fault_is_left(self):
        listed = json.loads(self.stack.healctl("faults", "list", "-o", "json").stdout)
        leases = listed["faults"] if isinstance(listed, dict) else listed
        self.assertEqual([], [lease for lease in leases if lease["state"] != "reverted"])
        e2e.wait_for("nginx to serve", self.stack.nginx_serves, 5)

    def test_every_drill_file_is_good(self):
        done = self.stack.healctl("drill", "check", FOLDER, "-o", "json")
        files = json.loads(done.stdout)["files"]
        self.assertEqual(sorted(path.name for path in FOLDER.glob("*.yml")), sorted(pathlib.Path(f["file"]).name for f in files))
        self.assertTrue(all(f["valid"] for f in files))

    def test_each_drill_is_healed_and_reported(self):
        for path in sorted(FOLDER.glob("nginx-*.yml")):
            with self.subTest(drill=path.name):
                self.setUp()
                code, report, cases, said = self.run_drill(self.drill(path.name))
                self.assertEqual((0, True), (code, report["passed"]), said)
                self.assertEqual([(name, "ok") for name in HEALED], [(s["stage"], s["result"]) for s in report["stages"]])
                self.assertEqual([(name, []) for name in HEALED], cases)
                self.assertEqual((path.stem, self.target), (report["drill"], report["target"]))
                times = [report["seconds_since_fault"][name] for name in ("detect", "decide", "act", "verify")]
                self.assertNotIn(None, times)
                self.assertEqual(sorted(times), times)
                incident = self.stack.incident(report["incident"])
                self.assertEqual("restart-container", incident["playbook"])
                self.assertEqual(1, self.stack.events("nginx", self.started, "start"))
                self.check_no_fault_is_left()

    def test_a_terminal_shows_what_is_waited_for_and_then_the_report(self):
        """On a real one, of 80 columns, for standard error; progress is one line that is cleared away."""
        terminal, ours = pty.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        with self.stack.begin_healctl("drill", "run", self.drill("nginx-kill.yml"), "--prometheus",
                                      f"http://127.0.0.1:{self.stack.ports['PROMETHEUS_PORT']}", stderr=ours) as drill:
            os.close(ours)
            shown = b""
            with contextlib.suppress(OSError):  # EIO: nobody has the other side any more
                while part := os.read(terminal, 4096):
                    shown += part
            report = drill.stdout.read()
        os.close(terminal)
        shown = shown.decode()
        self.assertEqual(0, drill.returncode, shown)
        self.assertRegex(shown, r"\r\x1b\[Kwaiting for alert NginxDown or [^\r]*\r\x1b\[K")
        self.assertRegex(shown, r"\r\x1b\[Kwaiting for a verified heal, [0-9.]+m?s of 2m00s\r\x1b\[K")
        lines = [line.rsplit("\x1b[K", 1)[-1] for line in shown.split("\r\n")]
        self.assertEqual([f"{name:<12}  ok" for name in HEALED], [line[:16] for line in lines[1:] if line])
        self.assertTrue(all(len(part) < 80 for line in shown.split("\r\n") for part in line.split("\r\x1b[K")[1:-1]), shown)
        self.assertEqual(HEALED, [line[:12].strip() for line in report.splitlines()[1:-1]])
        self.assertNotIn("\x1b", report)
        self.check_no_fault_is_left()

    def test_a_drill_that_is_not_met_fails_with_the_reason_and_its_fault_is_undone(self):
        path = self.drill("nginx-stop.yml", (r"heal: \{within: 120s\}", "heal: never"), (r"within: (60|70)s\}", "within: 20s}"))
        code, report, cases, said = self.run_drill(path)
        self.assertEqual((1, False), (code, report["passed"]), said)
        failed = [(s["stage"], s["message"]) for s in report["stages"] if s["result"] == "failed"]
        self.assertEqual([("heal", "it was acted on, which must not happen")], failed, said)
        self.assertIn(("heal", ["it was acted on, which must not happen"]), cases)
        self.assertEqual(["revert", "steady again"], [s["stage"] for s in report["stages"]][-2:])
        self.check_no_fault_is_left()

    def test_a_fault_that_nobody_heals_is_undone_by_the_drill(self):
        self.stack.healctl("pause", "drill", "--reason", "the drill must see that nothing happens")
        try:
            path = self.drill("nginx-pause.yml", (r"decision: .*", "decision: {is: hold pauses, within: 40s}"),
                              (r"heal: \{within: 120s\}", "heal: {within: 10s}"))
            code, report, _, said = self.run_drill(path)
        finally:
            self.stack.healctl("resume", "drill")
        self.assertEqual((1, False), (code, report["passed"]), said)
        ended = {s["stage"]: (s["result"], s["message"]) for s in report["stages"]}
        self.assertEqual("ok", ended["decision"][0], said)
        self.assertEqual("failed", ended["heal"][0])
        self.assertRegex(ended["heal"][1], r"^not within 10s: incident \S+ is held \(paused: ")
        self.assertEqual("ok", ended["revert"][0], said)
        self.assertEqual("ok", ended["steady again"][0], said)
        self.check_no_fault_is_left()
        self.assertEqual("running", self.stack.inspect("nginx")["State"]["Status"])

    def test_the_stop_condition_ends_a_drill_before_and_during_it(self):
        for name, query, stage in (("before", "vector(1)", "inject"),
                                   ("during", f'heal_fault_active{{fault="stop"}} > 0', "alert")):  # noqa: F541
            with self.subTest(when=name):
                self.setUp()
                self.stack.healctl("pause", "drill", "--reason", "the fault must last")
                try:
                    path = self.drill("nginx-stop.yml", (r"(?s)stop_if:.*", f"stop_if: {{any: [{{promql: '{query}'}}], every: 200ms}}\n"),
                                      (r"name: \[[^]]*\]", "name: NeverFires"))
                    code, report, _, said = self.run_drill(path)
                finally:
                    self.stack.healctl("resume", "drill")
                self.assertEqual((1, False), (code, report["passed"]), said)
                failed = [(s["stage"], s["message"]) for s in report["stages"] if s["result"] == "failed"]
                self.assertEqual([stage], [each for each, _ in failed], said)
                self.assertEqual(f"the stop condition is true: promql {query}", failed[0][1])
                self.assertEqual(1 if name == "during" else 0, self.stack.events("nginx", self.started, "die"))
                self.check_no_fault_is_left()

    def test_what_cannot_be_run_says_so_by_its_exit_code(self):
        code, report, cases, said = self.run_drill(self.drill("nginx-kill.yml", ("drill: nginx-kill", "drill: nginx-kill\nexpects: 1")))
        self.assertEqual((1, None, []), (code, report, cases))
        self.assertIn("expects", said)
        refused = self.drill("nginx-kill.yml", (self.target, self.stack.target("protected")))
        code, report, _, said = self.run_drill(refused)
        self.assertEqual((4, ["ok", "failed"]), (code, [s["result"] for s in report["stages"]]), said)
        unsteady = self.drill("nginx-kill.yml", (r"is: 1\}", "is: 2}"))
        code, report, _, said = self.run_drill(unsteady)
        self.assertEqual((1, ["failed"]), (code, [s["result"] for s in report["stages"]]), said)
        code, report, _, said = self.run_drill(self.drill("nginx-kill.yml"), "--dry-run")
        self.assertEqual((0, ["ok", "ok"]), (code, [s["result"] for s in report["stages"]]), said)
        self.assertEqual(0, self.stack.events("nginx", self.started, "die"))
