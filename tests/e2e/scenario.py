"""One fault of one container of the showcase, from a quiet stack to a quiet stack."""

import json
import shutil
import time
import unittest

import stack as e2e

WITHIN = 60
OVER_BADLY = {"suppressed", "unmatched", "failed", "escalated", "interrupted", "cancelled", "stale"}


class Scenario(unittest.TestCase):
    """Needs `stack`, given by whoever has started it."""

    stack = None
    maxDiff = None
    container = "nginx"

    def setUp(self):
        self.target = self.stack.target(self.container)
        self.stack.wait_for_quiet(self.target, WITHIN)
        self.known = {i["id"] for i in self.stack.incidents(self.target)}
        self.started = time.time()

    def tearDown(self):
        """Every scenario ends with everything clean."""
        self.stack.rest()
        e2e.wait_for_none("the alerts to end", self.stack.alerts, WITHIN)
        e2e.wait_for_none("the incident to be over", self.open_incidents, WITHIN)

    def open_incidents(self):
        return self.stack.open_incidents(self.target)

    def new_incidents(self):
        return self.stack.new_incidents(self.target, self.known)

    def incident_until(self, what, seconds=WITHIN):
        """The one incident of this fault, once `what` of it is true."""
        def there():
            found = self.new_incidents()
            if not found:
                return None
            incident = self.stack.incident(found[0]["id"])
            if incident["state"] in OVER_BADLY and not e2e.is_left_alone(incident):
                self.fail(json.dumps([incident, self.stack.timeline(incident["id"])], indent=1))
            return what(incident) and incident

        incident = e2e.wait_for(f"an incident of {self.target}", there, seconds, every=0.05)
        self.assertEqual([incident["id"]], [i["id"] for i in self.new_incidents()])
        return incident

    def healed(self, seconds=WITHIN):
        return self.incident_until(lambda i: i["times"]["verified_at"] and i["times"]["resolved_at"], seconds)

    def drill_here(self, path):
        """The drill's file for this stack: its containers and its ports."""
        copy = self.stack.work / path.name
        shutil.copy(path, copy)
        e2e.edit(copy, r"target: container/local/([\w-]+)", rf"target: container/local/{self.stack.prefix}\1")
        text = copy.read_text()
        for default, name in (("5000", "API_PORT"), ("5001", "DEMO_API_PORT")):
            text = text.replace(f"http://localhost:{default}/", f"http://127.0.0.1:{self.stack.ports[name]}/")
        copy.write_text(text)
        return copy

    def drill_arguments(self, path):
        """Of healctl, as a user gives them."""
        return ("drill", "run", self.drill_here(path), "-o", "json", "--prometheus",
                f"http://127.0.0.1:{self.stack.ports['PROMETHEUS_PORT']}")

    def drill(self, path):
        """Runs the drill, and gives its report."""
        done = self.stack.healctl(*self.drill_arguments(path), check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        ended = [(stage["stage"], stage["result"]) for stage in report["stages"]]
        self.assertEqual({"ok"}, {result for _, result in ended}, ended)
        self.assertEqual(["steady", "inject", "decision", "heal", "untouched", "revert", "steady again"],
                         [stage for stage, _ in ended if stage not in ("alert", "detect", "resolved")])
        listed = json.loads(self.stack.healctl("faults", "list", "-o", "json").stdout)
        leases = listed["faults"] if isinstance(listed, dict) else listed
        self.assertEqual([], [lease for lease in leases if lease["state"] != "reverted"])
        text = ", ".join(f"{name} {at:.2f} s" for name, at in report["seconds_since_fault"].items() if at is not None)
        print(f"{path.stem}: {text}")
        return report


class WithoutAlerts(Scenario):
    """The same, where no alert of the container is sent and no timer asks: somebody else tells. `arrange()` says who."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.stack.work / "config"
        before = (cls.folder / "heal.yml").read_text()
        cls.addClassCleanup(cls.stack.silence(cls.container))
        cls.addClassCleanup(cls.stack.reload)
        cls.addClassCleanup((cls.folder / "heal.yml").write_text, before)
        e2e.edit(cls.folder / "heal.yml", r"(?s)\nschedules:.*?\n\n", "\n")
        cls.arrange(cls.folder / "heal.yml")
        cls.stack.reload()
