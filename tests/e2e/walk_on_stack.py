"""README.md's "Add a service of your own" on the stack that a test file has started: its files, its commands, its container."""

import json
import re
import shutil
import sys
import unittest

import stack as e2e

sys.path.insert(0, str(e2e.ROOT / "tests/support"))
import walk  # noqa: E402

NGINX = """pid /tmp/nginx.pid;
error_log /dev/stderr;
events {}
http { access_log off; server { listen 8000; location / { return 200 "open\\n"; } } }
"""


class Walk(unittest.TestCase):
    """Needs `stack`, given by whoever loads these."""

    maxDiff = None
    stack = None

    def setUp(self):
        """The places that the text names, as this stack has them: its configuration, its address, our programs."""
        self.tree = self.stack.work / "walk"
        self.addCleanup(shutil.rmtree, self.tree)
        for place, real in (("compose/config/fast", self.stack.work / "config"), ("prometheus/fast", self.stack.work / "prometheus"),
                            ("build/release/bin", e2e.BIN)):
            (self.tree / place).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / place).symlink_to(real)
        shutil.copytree(self.stack.work / "secrets", self.tree / "compose/secrets")
        shutil.copy(e2e.ROOT / "compose/healctl", self.tree / "compose")
        (self.tree / "nginx.conf").write_text(NGINX)
        self.walk = walk.Walk(e2e.ROOT)
        self.assertEqual([], self.walk.check())
        self.before = {action.path: (self.tree / action.path).read_text() for action in self.walk.actions
                       if action.kind in ("add", "first")}
        for path, text in self.before.items():
            (self.tree / "before" / path).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / "before" / path).write_text(text)
        self.addCleanup(self.put_back)
        e2e.wait_for_none("a quiet stack", self.stack.alerts, 60)

    def put_back(self):
        """By the text's last step: whoever comes next has the stack that it knows."""
        for action in self.walk.actions:
            if action.step == walk.LAST:
                self.take(action)
        self.assertEqual([], [action.path for action in self.walk.actions if action.kind == "write" and (self.tree / action.path).exists()])
        self.assertEqual(self.before, {path: (self.tree / path).read_text() for path in self.before})
        e2e.wait_for_none("Prometheus to know of no shop", lambda: self.stack.query('probe_success{service="shop"}'), 60)

    def here(self, command):
        """The command of the text for this stack: its containers, network and ports, and an image that there is."""
        command = re.sub(r"(docker kill -s HUP)((?: [\w-]+)+)", lambda found: found[1] + found[2].replace(" ", " " + self.stack.prefix), command)
        command = re.sub(r"git checkout (.*)", r"for file in \1; do cat before/$file >$file; done", command)
        command = command.replace("promheal_web", f"{self.stack.project}_web")
        command = command.replace("localhost:9115", f"127.0.0.1:{self.stack.ports['EXPORTER_PORT']}").replace("curl ", "curl -fsS ")
        return command.replace("YOUR-IMAGE", f"-v {self.tree}/nginx.conf:/etc/nginx/nginx.conf:ro {e2e.TEST_IMAGES['nginx']}")

    def take(self, action):
        if action.kind != "run":
            return walk.apply(action, self.tree) or ""
        done = walk.shell(self.walk.actions[0].text, self.here(action.text), self.tree)
        self.assertEqual(0, done.returncode, f"{action.text}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_a_newcomers_service_is_probed_alerted_of_healed_and_drilled_by_the_text_alone(self):
        said = {}
        for action in self.walk.actions:
            if action.step == walk.LAST:
                break  # put_back
            if action.text.startswith("curl "):  # at once after a signal, which a person is not
                e2e.wait_for("the probe to succeed", lambda: "probe_success 1" in self.take(action), 30)
            elif action.text.startswith("healctl drill run "):
                e2e.wait_for("the target, the rule and the playbook to be known", self.is_taken_in, 60)
                said["drill"] = self.take(action)
            else:
                said[action.text] = self.take(action)
        for stage in ("alert", "decision", "heal", "untouched", "revert", "steady again"):
            self.assertRegex(said["drill"], rf"(?m)^{stage} +ok ")
        self.assertRegex(said["healctl incidents list --limit 1"], r"container/local/shop .*restart-shop")
        (incident,) = self.stack.incidents("container/local/shop")
        self.assertEqual("restart-shop", incident["playbook"])
        e2e.wait_for("it to have stayed healthy", lambda: self.stack.incident(incident["id"])["state"] == "closed", 30)

    def is_taken_in(self):
        rules = json.dumps(self.stack.prometheus("/api/v1/rules"))
        playbooks = json.dumps(self.stack.webhook("/api/v1/playbooks")[1])
        return ([1.0] == [value for _, value in self.stack.query('probe_success{service="shop"}')]
                and "ShopDown" in rules and "restart-shop" in playbooks)
