"""System E of the showcase: failures that the engine itself tells of, and deployments of our own that fail."""

import time

import stack as e2e
from scenario import WITHIN, WithoutAlerts

DEPLOY_GRACE = "10s"
GAVE_UP = 8  # of healctl: it ran, and the problem persists
GOOD_IMAGE, TAG = "promheal-e2e-demo-api:local", "heal-show-release:next"
# More than any machine has: the engine refuses it.
GIVE_MORE = """version: 1
playbook: give-more
summary: Give the container more CPUs.
mode: auto
steps: [{name: more, docker.update: {cpus: 1000}}]
verify: {within: 10s, consecutive: 1, all: [{check: health}]}
escalate: []
"""


class Events(WithoutAlerts):
    """E: failures from the engine's own events, with type, exit code, reason and MTTR from real times."""

    container = "demo-api"

    @classmethod
    def arrange(cls, heal_yml):
        e2e.edit(heal_yml, r"# sources:\n#   docker:(.*)deploy_grace: \d+s", rf"sources:\n  docker:\1deploy_grace: {DEPLOY_GRACE}")
        playbook = cls.folder / "playbooks/give-more.yml"
        playbook.write_text(GIVE_MORE)
        cls.addClassCleanup(playbook.unlink)

    def in_order(self, incident):
        """Its times are the engine's, where it has them, and what is told of them is the difference."""
        times = {name: e2e.parse_time(at) for name, at in incident["times"].items()}
        in_order = [times[name] for name in ("failed_at", "detected_at", "acted_at", "verified_at") if times[name]]
        self.assertEqual(sorted(in_order), in_order)
        self.assertAlmostEqual((times["verified_at"] - times["detected_at"]).total_seconds(), incident["mttr_seconds"], places=2)

    def check(self, incident, kind, exit_code=None):
        self.assertEqual(kind, incident["type"])
        self.assertEqual("restart-container", incident["playbook"])
        self.assertTrue(all(key.startswith("docker:") for key in incident["episodes"]), incident["episodes"])
        if exit_code is not None:
            self.assertEqual(exit_code, incident["exit_code"])
        self.assertIsNotNone(incident["times"]["failed_at"])
        self.in_order(incident)
        print(f"{kind}: detected after {incident['mttd_seconds']:.2f} s, healed after {incident['mttr_seconds']:.2f} s")

    def verified(self):
        return self.incident_until(lambda i: i["times"]["verified_at"])

    def test_a_killed_container_is_a_crash_with_137(self):
        self.stack.docker("kill", self.stack.prefix + self.container)
        self.check(self.verified(), "CONTAINER_CRASH", 137)

    def test_a_container_that_exits_with_an_error_is_a_crash_with_its_code(self):
        self.stack.crash()
        self.check(self.verified(), "CONTAINER_CRASH", 3)

    def test_a_container_that_is_stopped_is_a_stopped_task(self):
        self.stack.docker("stop", "-t", "5", self.stack.prefix + self.container)
        self.check(self.verified(), "TASK_STOPPED", 0)

    def test_the_drill_of_this_system_is_told_by_the_engine(self):
        self.drill(e2e.ROOT / "compose/showcase/drills/e-demo-api-killed.yml")
        self.check(self.verified(), "CONTAINER_CRASH", 137)

    def test_a_failed_health_check_is_one(self):
        self.stack.mode(healthy=False)
        self.check(self.verified(), "HEALTH_CHECK_FAILURE")

    def release(self):
        """A container that is made from a tag, for an image that is deployed under it later; gone at the test's end."""
        self.addCleanup(self.stack.silence("release"))
        self.addCleanup(self.stack.docker, "rmi", "-f", TAG, check=False)
        self.addCleanup(self.stack.docker, "rm", "-f", self.stack.prefix + "release", self.stack.prefix + "unready", check=False)
        self.container = "release"

    def create(self):
        name = self.stack.prefix + "release"
        self.stack.docker("create", "--name", name, "--network", self.stack.project + "_web",
                          "--label", "heal.enable=true", "--label", f"heal.health=http://{name}:5000/health",
                          "--user", "10001", "--entrypoint", "/usr/local/bin/demo-api", "--health-cmd", "test ! -e /unready",
                          "--health-interval", "1s", "--health-retries", "2", TAG, "--name=release")

    def deployed_anew(self, reason, exit_code):
        incident = self.verified()
        self.assertEqual(("DEPLOYMENT_FAILURE", "recreate-container"), (incident["type"], incident["playbook"]))
        self.assertTrue(incident["episodes"][0].startswith("docker:"), incident["episodes"])
        self.assertIn(reason, incident["failure_reason"])
        self.assertEqual(exit_code, incident["exit_code"])
        self.in_order(incident)
        self.assertTrue(self.stack.inspect("release")["State"]["Running"])
        print(f"DEPLOYMENT_FAILURE, {reason}: healed after {incident['mttr_seconds']:.2f} s")
        e2e.wait_for_none("it to be over", self.open_incidents, WITHIN)

    def test_a_release_that_cannot_be_deployed_is_made_anew_once_its_tag_is_put_back(self):
        """It cannot be started, or never becomes healthy; what the tag stands for by then can."""
        self.release()
        unready = self.stack.prefix + "unready"
        self.stack.docker("run", "--name", unready, "--network", "none", "--user", "0", "--entrypoint", "touch", GOOD_IMAGE, "/unready")
        for bad, exit_code, reason in (
                (lambda: self.stack.docker("tag", e2e.TEST_IMAGES["nginx"], TAG), 127, "it could not be started: exit code 127: "),
                (lambda: self.stack.docker("commit", unready, TAG), None, "has not passed since it was made")):
            with self.subTest(reason=reason):
                self.setUp()
                bad()
                self.create()
                self.stack.docker("tag", GOOD_IMAGE, TAG)
                self.stack.docker("start", self.stack.prefix + "release", check=exit_code is None)
                self.deployed_anew(reason, exit_code)
                self.stack.docker("rm", "-f", self.stack.prefix + "release")

    def test_a_container_that_is_created_and_never_started_is_a_failed_deployment(self):
        self.release()
        self.setUp()
        self.stack.docker("tag", GOOD_IMAGE, TAG)
        self.create()
        self.deployed_anew(f"it was created, and not started for {DEPLOY_GRACE}", None)

    def failed_by(self, playbook):
        """The incident of a deployment of ours that a person asked for, and that was given up."""
        done = self.stack.healctl("heal", playbook, "--target", self.target, "--wait", check=False)
        self.assertEqual(GAVE_UP, done.returncode, done.stdout + done.stderr)
        (found,) = e2e.wait_for("its incident", self.new_incidents, WITHIN)
        incident = e2e.wait_for("it to be given up",
                                lambda: [i for i in [self.stack.incident(found["id"])] if i["state"] in ("failed", "escalated")], WITHIN)[0]
        self.assertEqual(("DEPLOYMENT_FAILURE", playbook), (incident["type"], incident["playbook"]))
        self.assertIsNone(incident["times"]["verified_at"])
        print(f"DEPLOYMENT_FAILURE: {incident['failure_reason']}")
        return incident

    def test_our_own_recreate_that_fails_is_one_and_the_former_container_is_back(self):
        self.release()
        self.setUp()
        self.stack.docker("tag", GOOD_IMAGE, TAG)
        self.create()
        self.stack.docker("start", self.stack.prefix + "release")
        e2e.wait_for("the release to be well", lambda: self.stack.inspect("release")["State"]["Health"]["Status"] == "healthy", WITHIN)
        before = self.stack.inspect("release")["Id"]
        self.stack.docker("tag", e2e.TEST_IMAGES["nginx"], TAG)  # in it there is no such program
        incident = self.failed_by("recreate-container")
        self.assertRegex(incident["failure_reason"], r"^step anew \(docker\.recreate\) failed: start: .*; the former container is back$")
        self.assertEqual(127, incident["exit_code"])
        after = self.stack.inspect("release")
        self.assertEqual((before, True), (after["Id"], after["State"]["Running"]))
        # Its playbook calls people, until one of them has seen to it.
        e2e.wait_for("HealFailed", lambda: ("HealFailed", "") in self.stack.alerts(), WITHIN)
        self.stack.healctl("cancel", incident["id"], "--reason", "seen")

    def test_our_own_update_that_fails_is_one_and_nothing_is_changed(self):
        limits = self.stack.inspect("demo-api")["HostConfig"]["NanoCpus"]
        incident = self.failed_by("give-more")
        self.assertRegex(incident["failure_reason"], r"^step more \(docker\.update\) failed: .*CPU")
        self.assertEqual(limits, self.stack.inspect("demo-api")["HostConfig"]["NanoCpus"])
        self.assertEqual(0, self.stack.events("demo-api", self.started, "die"))
        # What the engine tells of the second after a heal is taken for the heal's own doing; the next test is not to be.
        over = time.time() + 1
        e2e.wait_for("that second to be over", lambda: time.time() > over, WITHIN)
