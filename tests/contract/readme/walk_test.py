"""README.md's "Add a service of your own", walked as far as no stack is needed: from its own text, in a copy of the files.

Usage: walk_test.py ROOT FOLDER-OF-PROGRAMS [unittest's arguments]
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import yaml

ROOT, PROGRAMS = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
sys.path.insert(0, str(ROOT / "tests/support"))
import walk  # noqa: E402

COPIED = ("compose/config", "compose/drills", "prometheus", "alertmanager")


class NewcomersWalk(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.tree = pathlib.Path(tempfile.mkdtemp(prefix="heal-walk-"))
        self.addCleanup(shutil.rmtree, self.tree)
        for folder in COPIED:
            shutil.copytree(ROOT / folder, self.tree / folder)
        shutil.copy(ROOT / "compose/healctl", self.tree / "compose")
        (self.tree / "build/release").mkdir(parents=True)
        (self.tree / "build/release/bin").symlink_to(PROGRAMS)
        (self.tree / "compose/secrets").mkdir()
        (self.tree / "compose/secrets/healctl.yml").write_text("server: http://127.0.0.1:9\n")
        self.walk = walk.Walk(ROOT)
        self.assertEqual([], self.walk.check())
        self.succeeds("git init -q . && git add . && git -c user.name=walk -c user.email=walk@localhost commit -qm begun")
        for action in self.walk.actions:
            if action.kind != "run":
                walk.apply(action, self.tree)

    def run_here(self, command):
        return walk.shell(self.walk.actions[0].text, command, self.tree)

    def succeeds(self, command):
        done = self.run_here(command)
        self.assertEqual(0, done.returncode, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def commands(self, begin):
        """Those of the text that begin so, as far as they need no stack."""
        texts = [action.text.split(" && ")[0] for action in self.walk.actions if action.kind == "run"]
        found = [text for text in texts if text.startswith(begin)]
        self.assertTrue(found, f"no command of README.md begins with {begin}")
        return found

    def test_its_commands_find_nothing_wrong(self):
        self.assertIn("no mistakes found", self.succeeds(*self.commands("healctl playbook check ")))
        self.assertIn("nothing found", self.succeeds(*self.commands("healctl playbook lint ")))
        self.succeeds("healctl drill check " + self.commands("healctl drill run ")[0].split()[-1])
        self.succeeds("build/release/bin/heal-exporter --config.check --config.file=compose/config/fast/exporter.yml")

    def test_its_test_passes_and_ci_is_told_of_each_case(self):
        (command,) = self.commands("healctl playbook test ")
        self.succeeds(command + " --junit junit.xml")
        report = xml.etree.ElementTree.parse(self.tree / "junit.xml").getroot()
        names = [test["name"] for test in yaml.safe_load(self.walk.written("tests/shop.yml"))["tests"]]
        self.assertEqual(names, [case.get("name") for case in report.iter("testcase")])
        self.assertEqual(("2", "0", "0"), tuple(report.get(key) for key in ("tests", "failures", "errors")))

    def test_its_test_fails_when_the_playbook_does_something_else(self):
        book = self.tree / "compose/config/fast/playbooks/restart-shop.yml"
        book.write_text(book.read_text().replace("docker.restart: {grace: 2s}", "docker.stop: {grace: 2s}"))
        (command,) = self.commands("healctl playbook test ")
        done = self.run_here(command + " --junit junit.xml")
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        failures = {case.get("name"): case.find("failure") for case in
                    xml.etree.ElementTree.parse(self.tree / "junit.xml").getroot().iter("testcase")}
        failed = [(name, failure) for name, failure in failures.items() if failure is not None]
        self.assertEqual(["a shop that hangs is restarted and serves"], [name for name, _ in failed])
        self.assertIn("expected  restart shop\n    got       stop shop", failed[0][1].text)

    def test_its_last_step_leaves_the_files_as_they_were(self):
        self.assertIn("shop", self.succeeds("git status --short"))
        self.succeeds(*self.commands("rm "))
        self.succeeds(*self.commands("git "))
        self.assertEqual("", self.succeeds("git status --short"))

    def test_prometheus_takes_the_rule_and_it_fires_for_the_target(self):
        self.succeeds("promtool check rules --lint=all --lint-fatal prometheus/fast/rules/*.yml")
        self.succeeds("promtool check config --syntax-only prometheus/fast/prometheus.yml")
        (target,) = yaml.safe_load(self.walk.written("targets/shop.yml"))
        labels = target["labels"] | {"instance": target["targets"][0]}
        of_series = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items() if name != "module")
        (rule,) = yaml.safe_load(self.walk.written("rules/shop.yml"))["groups"][0]["rules"]
        firing = {"exp_labels": {**labels, **rule["labels"]},
                  "exp_annotations": {"summary": "the shop in container shop does not answer"}}
        del firing["exp_labels"]["module"]
        test = {"rule_files": ["fast/rules/shop.yml"], "evaluation_interval": "1s", "tests": [{
            "interval": "1s", "input_series": [{"series": f"probe_success{{{of_series}}}", "values": "1 1 0x5"}],
            "alert_rule_test": [{"alertname": rule["alert"], "eval_time": "1s", "exp_alerts": []},
                                {"alertname": rule["alert"], "eval_time": "4s", "exp_alerts": [firing]}]}]}
        (self.tree / "prometheus/shop_test.yml").write_text(json.dumps(test))
        self.succeeds("promtool test rules prometheus/shop_test.yml prometheus/tests/fast_test.yml")

    def test_alertmanager_routes_its_alert_to_heal_webhook(self):
        self.succeeds("amtool check-config alertmanager/fast/alertmanager.yml")
        self.succeeds("amtool config routes test --config.file alertmanager/fast/alertmanager.yml "
                      "--verify.receivers heal-webhook alertname=ShopDown container=shop severity=critical")


if __name__ == "__main__":
    sys.exit(unittest.main(argv=[sys.argv[0], *sys.argv[3:]]))
