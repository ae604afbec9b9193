"""Faults whose keepers are killed, on the stack that a test file has started: each ends within its time, and nothing is left."""

import json
import os
import pathlib
import shutil
import signal
import unittest

import stack as e2e

FAULT_ENDS = 40


class Leases(unittest.TestCase):
    """Needs `stack`, given by whoever loads these."""

    maxDiff = None
    stack = None

    def setUp(self):
        self.target = self.stack.target("nginx")
        self.stack.wait_for_quiet(self.target, 90, self.stack.nginx_serves)
        self.addCleanup(self.stack.healctl, "faults", "revert", "--all", check=False)
        for name in ("alertmanager", "twin"):  # the healer must not be quicker than the fault's own end
            self.silence(name)

    def silence(self, name):
        amtool = ("exec", self.stack.prefix + name, "amtool", "--alertmanager.url=http://127.0.0.1:9093", "silence")
        made = self.stack.docker(*amtool, "add", "--duration=10m", "--author=test", "--comment=a fault that nobody heals",
                                 f"container={self.stack.prefix}nginx")
        self.addCleanup(self.stack.docker, *amtool, "expire", made)

    def inject(self, kind, seconds):
        done = self.stack.healctl("simulate-down", self.target, "--fault", kind, "--for", f"{seconds}s", "-o", "json")
        return json.loads(done.stdout)["fault"]

    def leases(self):
        status, answer = self.stack.webhook("/api/v1/faults")
        assert status == 200, (status, answer)
        return [lease for lease in answer["faults"] if lease["state"] != "reverted"]

    def is_paused(self):
        return self.stack.inspect("nginx")["State"]["Paused"]

    def holders(self):
        """Of this stack alone, by name."""
        shown = self.stack.docker("ps", "-a", "--filter", "label=heal.fault.lease", "--format", "{{.Image}} {{.Names}}")
        return [name for image, name in map(str.split, shown.splitlines()) if image == self.stack.image]

    def serves_again(self):
        e2e.wait_for("the fault to end", lambda: not self.is_paused(), FAULT_ENDS)
        e2e.wait_for("nginx to serve", self.stack.nginx_serves, FAULT_ENDS)
        e2e.wait_for("heal-webhook to answer", self.answers, FAULT_ENDS)
        e2e.wait_for_none("every lease to be over", self.leases, FAULT_ENDS)
        e2e.wait_for_none("every holder to be gone", self.holders, FAULT_ENDS)

    def answers(self):
        try:
            return self.stack.webhook("/api/v1/status")[0] == 200
        except OSError:
            return False

    def kill(self, container_id):
        os.kill(json.loads(self.stack.docker("inspect", container_id))[0]["State"]["Pid"], signal.SIGKILL)

    def test_healctl_is_killed(self):
        with self.stack.begin_healctl("simulate-down", self.target, "--fault", "pause", "--for", "5s") as process:
            e2e.wait_for("its lease", self.leases, 10, every=0.01)
            process.kill()
        self.serves_again()

    def test_the_service_is_killed(self):
        """The engine starts it again, and that run undoes what the one before has done: the same fault, at its end, and proven."""
        for kind, status in (("pause", "paused"), ("stop", "exited")):
            with self.subTest(fault=kind):
                lease = self.inject(kind, 8)
                self.assertEqual(status, self.stack.inspect("nginx")["State"]["Status"])
                before = self.stack.inspect("heal-webhook")["State"]["StartedAt"]
                self.kill(self.stack.prefix + "heal-webhook")
                e2e.wait_for("the service to be started again",
                             lambda: self.stack.inspect("heal-webhook")["State"]["StartedAt"] != before, 30)
                self.serves_again()
                self.assertEqual("running", self.stack.inspect("nginx")["State"]["Status"])
                listed = json.loads(self.stack.healctl("faults", "list", "--all", "-o", "json").stdout)["faults"]
                self.assertEqual(["reverted"], [each["state"] for each in listed if each["id"] == lease["id"]], listed)
                whole = self.stack.healctl("audit", "verify")
                self.assertIn("the journal is whole", whole.stdout + whole.stderr)

    def test_the_ledger_is_wiped(self):
        self.inject("pause", 12)
        self.stack.docker("kill", self.stack.prefix + "heal-webhook")  # by hand: the engine does not start it again
        folder = pathlib.Path(self.stack.docker("volume", "inspect", "-f", "{{.Mountpoint}}", self.stack.project + "_heal"))
        self.assertIn("heal.db", [path.name for path in folder.iterdir()])
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.assertTrue(self.is_paused())
        self.stack.docker("start", self.stack.prefix + "heal-webhook")
        self.serves_again()

    def test_the_holder_is_killed(self):
        lease = self.inject("cpu", 8)
        holders = self.holders()
        self.assertEqual(1, len(holders))
        self.assertNotEqual([], self.busy(lease))
        self.kill(holders[0])
        e2e.wait_for_none("its processes to be gone", lambda: self.busy(lease), FAULT_ENDS)
        self.serves_again()

    def busy(self, lease):
        """Processes of this machine that the fault has started."""
        name, found = "heal-" + lease["id"][-10:], []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                found += [process.name] if (process / "comm").read_text().strip() == name else []
            except OSError:
                pass  # it ended meanwhile
        return found
