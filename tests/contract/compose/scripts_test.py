"""What the scripts of compose/ leave behind, also when they fail or are ended half-way.

Usage: scripts_test.py ROOT [unittest's arguments]
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(sys.argv[1]).resolve()
HASH = r'"\$2b\$10\$.{53}"'


class InAFolder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heal-scripts-"))
        self.addCleanup(shutil.rmtree, self.folder)


class Secrets(InAFolder):
    def setUp(self):
        super().setUp()
        (self.folder / "compose").mkdir()
        shutil.copy(ROOT / "compose/secrets.sh", self.folder / "compose")
        self.secrets, self.env = self.folder / "compose/secrets", self.folder / "compose/.env"
        engine = socket.socket(socket.AF_UNIX)
        self.addCleanup(engine.close)
        engine.bind(str(self.folder / "docker.sock"))

    def run_it(self, broken=None, **variables):
        """With a program that fails instead of the one called `broken`."""
        path = os.environ["PATH"]
        if broken:
            (self.folder / "bin").mkdir(exist_ok=True)
            (self.folder / "bin" / broken).write_text("#!/bin/sh\nexit 1\n")
            (self.folder / "bin" / broken).chmod(0o755)
            path = f"{self.folder}/bin:{path}"
        return subprocess.run([self.folder / "compose/secrets.sh"], capture_output=True, text=True, check=False,
                              env={"PATH": path, "HEAL_DOCKER_SOCKET": str(self.folder / "docker.sock"), **variables})

    def written(self):
        return (self.secrets / "webhook/web.config.yml").read_text()

    def test_each_user_has_a_password_and_its_hash_and_the_group_of_the_socket_is_known(self):
        done = self.run_it()
        self.assertEqual((0, ""), (done.returncode, done.stdout + done.stderr))
        self.assertRegex(self.written(), rf"\nbasic_auth_users:\n  alertmanager: {HASH}\n  prometheus: {HASH}\n  operator: {HASH}\n$")
        self.assertEqual(f"DOCKER_GID={os.getgid()}\nCOMPOSE_PROJECT_NAME=promheal\n", self.env.read_text())
        self.assertEqual(4, len({path.read_text() for path in self.secrets.glob("*_password")}))

    def test_healctl_is_told_the_addresses_of_the_stack_that_these_variables_start(self):
        self.run_it(WEBHOOK_PORT="9195")
        settings = yaml.safe_load((self.secrets / "healctl.yml").read_text())
        self.assertEqual({"server": "http://127.0.0.1:9195", "username": "operator", "password_file": "operator_password",
                          "alertmanager": "http://127.0.0.1:9093", "prometheus": "http://127.0.0.1:9090",
                          "exporter": "http://127.0.0.1:9115"}, settings)

    def test_healctl_goes_on_asking_the_demo_that_runs_on_other_ports(self):
        self.secrets.mkdir()
        (self.secrets / "demo.env").write_text("NGINX_PORT=8180\nWEBHOOK_PORT=9195\n")
        self.run_it()
        settings = yaml.safe_load((self.secrets / "healctl.yml").read_text())
        self.assertEqual(("http://127.0.0.1:9195", "http://127.0.0.1:9093"), (settings["server"], settings["alertmanager"]))

    def test_a_password_stays_until_its_file_is_emptied(self):
        self.run_it()
        before = {path.name: path.read_text() for path in self.secrets.glob("*_password")}
        (self.secrets / "viewer_password").write_text("")
        self.run_it()
        changed = [path.name for path in self.secrets.glob("*_password") if path.read_text() != before[path.name]]
        self.assertEqual(["viewer_password"], changed)

    def test_without_hashes_there_is_no_web_config_and_the_one_that_is_there_stays(self):
        self.assertNotEqual(0, self.run_it("perl").returncode)
        self.assertFalse((self.secrets / "webhook/web.config.yml").exists())
        self.run_it()
        before = self.written()
        self.assertNotEqual(0, self.run_it("perl").returncode)
        self.assertEqual(before, self.written())

    def test_a_group_that_cannot_be_found_is_asked_for(self):
        done = self.run_it("stat")
        self.assertEqual(1, done.returncode)
        self.assertIn("say it: DOCKER_GID=... compose/secrets.sh", done.stderr)
        self.assertFalse(self.env.exists())
        self.assertEqual(0, self.run_it("stat", DOCKER_GID="7").returncode)
        self.assertIn("DOCKER_GID=7\n", self.env.read_text())


class Healctl(InAFolder):
    """compose/healctl runs what there is, with the stack's settings."""

    def setUp(self):
        super().setUp()
        self.secrets = self.folder / "compose/secrets"
        self.secrets.mkdir(parents=True)
        shutil.copy(ROOT / "compose/healctl", self.folder / "compose")
        self.program("bin/docker")

    def program(self, path):
        """One that says its name and what it was given."""
        program = self.folder / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text('#!/bin/sh\necho "$(basename "$0") $*"\nexit 8\n')
        program.chmod(0o755)

    def run_it(self, *arguments):
        return subprocess.run([self.folder / "compose/healctl", *arguments], capture_output=True, text=True, check=False,
                              cwd=self.folder, stdin=subprocess.DEVNULL, env={"PATH": f"{self.folder}/bin:{os.environ['PATH']}"})

    def test_without_settings_it_says_who_makes_them(self):
        done = self.run_it("doctor")
        self.assertEqual((1, ""), (done.returncode, done.stdout))
        self.assertIn("run compose/secrets.sh", done.stderr)

    def test_the_program_of_the_release_build_comes_first_and_the_image_has_it_too(self):
        (self.secrets / "healctl.yml").touch()
        done = self.run_it("incidents", "list")
        self.assertEqual(8, done.returncode)
        self.assertRegex(done.stdout, r"^docker run .* -v (.*):/mnt:ro -w /mnt .* promheal:local healctl "
                                      r"--config.file=/run/heal/healctl.yml incidents list\n$")
        self.program("build/release/bin/healctl")
        done = self.run_it("incidents", "list")
        self.assertEqual((8, f"healctl --config.file={self.secrets}/healctl.yml incidents list\n"), (done.returncode, done.stdout))


class Images(InAFolder):
    """compose/images.sh keeps an image while the files that it is made from are the same."""

    # An engine whose images are files that hold their label; what it builds it says.
    ENGINE = """#!/bin/bash
case $1 in
  image) cat "$IMAGES/${!#//[\\/:]/_}" ;;
  build)
    while [ $# -gt 0 ]; do
      case $1 in -t) name=$2 ;; --label) label=${2#promheal.recipe=} ;; esac
      shift
    done
    echo "$label" >"$IMAGES/${name//[\\/:]/_}" && echo "$name" >>"$IMAGES/built" ;;
esac
"""

    def setUp(self):
        super().setUp()
        self.images = self.folder / "images"
        self.images.mkdir()
        (self.images / "debian_bookworm-slim").touch()
        (self.folder / "bin").mkdir()
        (self.folder / "bin/docker").write_text(self.ENGINE)
        (self.folder / "bin/docker").chmod(0o755)
        (self.folder / "build/release/bin").mkdir(parents=True)
        for name in ("heal-exporter", "heal-webhook", "healctl"):
            shutil.copy("/bin/true", self.folder / "build/release/bin" / name)
        (self.folder / "compose").mkdir()
        for name in ("images.sh", "lib.sh", "Dockerfile"):
            shutil.copy(ROOT / "compose" / name, self.folder / "compose")
        shutil.copytree(ROOT / "compose/images", self.folder / "compose/images")

    def built(self, what, **variables):
        """The images that making `what` built."""
        (self.images / "built").write_text("")
        subprocess.run([self.folder / "compose/images.sh", what], check=True, capture_output=True,
                       env={"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "IMAGES": str(self.images), **variables})
        return (self.images / "built").read_text().split()

    def test_a_folder_of_files(self):
        names = [f"promheal-test/{name}:local" for name in ("nginx", "prometheus", "alertmanager")]
        self.assertEqual(names, self.built("debian"))
        self.assertEqual([], self.built("debian"))
        with open(self.folder / "compose/images/prometheus/Dockerfile", "a") as recipe:
            recipe.write("# more\n")
        self.assertEqual(names[1:2], self.built("debian"))
        self.assertEqual(names, self.built("debian", FORCE="1"))

    def test_what_our_programs_are_put_on(self):
        self.assertEqual(["promheal-runtime:local", "promheal:local"], self.built("promheal"))
        self.assertEqual(["promheal:local"], self.built("promheal"))
        with open(self.folder / "compose/Dockerfile", "a") as recipe:
            recipe.write("# one library more\n")
        self.assertEqual(["promheal-runtime:local", "promheal:local"], self.built("promheal"))


class Demo(InAFolder):
    """It removes a stack of its own alone."""

    def setUp(self):
        super().setUp()
        (self.folder / "compose/secrets").mkdir(parents=True)
        (self.folder / "bin").mkdir()
        for name in ("demo.sh", "lib.sh"):
            shutil.copy(ROOT / "compose" / name, self.folder / "compose")
        (self.folder / "asked").touch()

    def run_it(self, listed, *arguments):
        """With an engine whose lists have `listed` in them."""
        docker = self.folder / "bin/docker"
        docker.write_text(f'#!/bin/sh\necho "$*" >>{self.folder}/asked\ncase "$*" in *" ls "*|"ps "*) echo "{listed}" ;; esac\n')
        docker.chmod(0o755)
        done = subprocess.run([self.folder / "compose/demo.sh", *arguments], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, env={"PATH": f"{self.folder}/bin:{os.environ['PATH']}"})
        removed = [line for line in (self.folder / "asked").read_text().splitlines() if " down " in line]
        return done, removed

    def test_a_stack_that_it_has_not_started_stays(self):
        for arguments in ((), ("--down",)):
            with self.subTest(arguments=arguments):
                done, removed = self.run_it("prometheus", *arguments)
                self.assertEqual((1, []), (done.returncode, removed), done.stdout + done.stderr)
                self.assertRegex(done.stderr, r"(?s)that this demo has not started.*prometheus.*remove it as it was started")

    def test_its_own_goes_and_where_nothing_is_there_is_nothing_to_ask(self):
        self.assertEqual(1, len(self.run_it("", "--down")[1]))
        (self.folder / "compose/secrets/demo.env").write_text("WEBHOOK_PORT=9195\n")
        done, removed = self.run_it("prometheus", "--down")
        self.assertEqual((0, 2), (done.returncode, len(removed)), done.stdout + done.stderr)
        self.assertFalse((self.folder / "compose/secrets/demo.env").exists())


class Installing(InAFolder):
    """The policy that keeps apt from starting services goes, whatever becomes of apt."""

    def setUp(self):
        super().setUp()
        self.policy = self.folder / "policy-rc.d"

    def begin(self, command):
        script = f". {ROOT}/compose/lib.sh; POLICY_RC={self.policy}; _without_services {command}"
        return subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)

    def test_it_is_there_meanwhile_and_gone_afterwards(self):
        said, _ = self.begin(f"sh -c '{self.policy}; echo $?; exit 3'").communicate(timeout=20)
        self.assertEqual("101\n", said)
        self.assertFalse(self.policy.exists())

    def test_it_is_gone_after_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number=number):
                script = self.begin("sh -c 'echo begun; exec sleep 20'")
                self.assertEqual("begun\n", script.stdout.readline())
                os.killpg(script.pid, number)
                script.communicate(timeout=10)
                self.assertFalse(self.policy.exists())

    def test_somebody_elses_stays(self):
        self.policy.write_text("theirs")
        self.begin("true").communicate(timeout=20)
        self.assertEqual("theirs", self.policy.read_text())


if __name__ == "__main__":
    sys.exit(unittest.main(argv=[sys.argv[0], *sys.argv[2:]]))
