"""The checks must be able to fail: each breach they exist for is shown to them once. So must the count of run.sh."""

import contextlib
import copy
import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import yaml

import compose
import dashboards
import evidence
import layering
import profiles
import source
import tidy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import report  # noqa: E402


class Layering(unittest.TestCase):
    def test_includes_down_the_table_are_allowed(self):
        self.assertIsNone(layering.breach("remedy", "plan.cc", '"', "common/model/alert.h"))
        self.assertIsNone(layering.breach("model", "alert.cc", '"', "common/model/alert.h"))
        self.assertIsNone(layering.breach("base", "x.cc", "<", "fmt/format.h"))

    def test_planning_cannot_name_io(self):
        self.assertEqual(layering.breach("playbook", "plan.cc", '"', "common/port/clock.h"),
                         'playbook may not include port ("common/port/clock.h")')

    def test_programs_never_include_one_another(self):
        self.assertEqual(layering.breach("healctl", "app.cc", '"', "webhook/app.h"),
                         'healctl may not include webhook ("webhook/app.h")')

    def test_real_adapters_are_named_where_a_program_is_put_together_only(self):
        self.assertIsNone(layering.breach("webhook", "app.cc", '"', "common/system/clock.h"))
        self.assertEqual(layering.breach("webhook", "intake.cc", '"', "common/system/clock.h"),
                         'webhook may not include system ("common/system/clock.h")')

    def test_a_library_has_one_home(self):
        self.assertIsNone(layering.breach("wire", "json.cc", "<", "nlohmann/json.hpp"))
        self.assertEqual(layering.breach("webhook", "api.cc", "<", "nlohmann/json.hpp"),
                         "<nlohmann/json.hpp> is included here, but only wire may use that library")

    def test_includes_go_from_the_repository_root(self):
        self.assertEqual(layering.breach("base", "x.cc", '"', "digest.h"), '"digest.h" is not a path from the repository root')


class Source(unittest.TestCase):
    def test_sleeping_and_reading_the_time_outside_system_are_found(self):
        lines = ["std::this_thread::sleep_for(1s);", "auto t = std::chrono::steady_clock::now();  // fine in system"]
        self.assertEqual(["webhook/a.cc:1: sleeping belongs to Clock; in a test wait for an event",
                          "webhook/a.cc:2: the time comes from Clock"], list(source.check_cpp("webhook/a.cc", lines)))
        self.assertEqual([], list(source.check_cpp("common/system/a.cc", lines)))

    def test_a_reference_into_what_nobody_holds_is_found(self):
        held = "nobody holds the version that this refers to; keep it in a variable of its own"
        lines = ["for (const auto& [name, engine] : world_.get()->engines)", "const auto& h = gate_.web()->config.headers;",
                 "const auto world = world_.get();", "for (const auto& engine : world->engines)",
                 "options.workers = world_.get()->workers;"]
        self.assertEqual([f"webhook/a.cc:1: {held}", f"webhook/a.cc:2: {held}"], list(source.check_cpp("webhook/a.cc", lines)))

    def test_a_long_function_is_found_by_its_first_line(self):
        lines = ["namespace heal {", "void f() {", *["  x();"] * 59, "}", "}  // namespace heal"]
        self.assertEqual(["a.cc:2: function of 61 lines, at most 60"], list(source.long_functions("a.cc", lines)))
        self.assertEqual([], list(source.long_functions("a.cc", lines[:10] + lines[11:])))

    def test_a_path_of_one_machine_is_found(self):
        path = "/wor" + "k/main"
        self.assertEqual(["a.md:1: path of one machine"], list(source.check_text("a.md", [f"see {path}"])))
        self.assertEqual([], list(source.check_text("a.md", ["see framework/main and /etc/heal"])))


class Profiles(unittest.TestCase):
    def test_only_durations_and_comments_may_differ(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for profile, text in (("production", "for: 30s\nexpr: up == 0\n"), ("fast", "for: 1s  # quick\nexpr: up == 0\n")):
                (root / profile).mkdir()
                (root / profile / "a.yml").write_text(text)
            self.assertEqual([], list(profiles.differences(root)))
            (root / "fast/a.yml").write_text("for: 1s\nexpr: up == 1\n")
            self.assertIn("+expr: up == 1", list(profiles.differences(root)))
            (root / "fast/a.yml").unlink()
            self.assertEqual([f"missing: {root}/fast/a.yml"], list(profiles.differences(root)))


class Evidence(unittest.TestCase):
    def hasty(self, **verify):
        return evidence.hasty({"verify": {"all": [{"check": "health"}, {"alert": "resolved"}], **verify}}, 2)

    def test_alerts_are_asked_for_as_long_as_they_take_to_come(self):
        self.assertEqual(2, evidence.told_within({"global": {"scrape_interval": "500ms", "evaluation_interval": "1s500ms"}}))
        self.assertEqual("", self.hasty(consecutive=3, interval="1s"))
        self.assertEqual("", self.hasty(interval="2s"))
        self.assertEqual("", self.hasty(interval="1ms", all=[{"check": "health"}]))
        self.assertIn("looks for 0.5 s", self.hasty(consecutive=2, interval="500ms"))
        self.assertIn("looks for 1 s", self.hasty())

    def test_every_folder_of_playbooks_is_looked_at(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        folders = {str(folder.parent.relative_to(root)) for folder in (root / "compose").glob("**/playbooks")}
        self.assertEqual(folders, set(evidence.BESIDE))


class Compose(unittest.TestCase):
    ROOT = pathlib.Path(__file__).resolve().parents[2]

    def setUp(self):
        self.texts = {name: (self.ROOT / "compose" / name).read_text() for name in (compose.BASE, compose.MORE)}

    def changed(self, name, change):
        """What is found once a service of showcase.yml is changed."""
        documents = {file: yaml.safe_load(text) for file, text in self.texts.items()}
        change(documents[compose.MORE]["services"][name])
        return list(compose.breaches(documents))

    def test_what_each_service_must_have_is_missed(self):
        self.assertEqual([], self.changed("mail", lambda service: None))
        said = {"mem_limit": "no mem_limit", "cpus": "no cpus", "pids_limit": "no pids_limit", "networks": "no network is named",
                "logging": "no limit for its log (max-size, max-file)", "cap_drop": "not all capabilities are dropped",
                "security_opt": "no-new-privileges:true is missing", "read_only": "its root can be written to",
                "user": "user None, expected the number of one who is not root",
                "healthcheck": "no health check (a list that begins with CMD)"}
        for key, problem in said.items():
            with self.subTest(key=key):
                self.assertEqual([f"mail: {problem}"], self.changed("mail", lambda service: service.pop(key)))

    def test_what_a_service_must_not_have_is_found(self):
        image = "expected ${…_IMAGE:-name:version}"
        for change, problem in (({"user": "0:0"}, "user '0:0', expected the number of one who is not root"),
                                ({"image": "${MAIL_IMAGE:-mail:latest}"}, f"image '${{MAIL_IMAGE:-mail:latest}}', {image}"),
                                ({"image": "grafana/grafana:10.4.19"}, f"image 'grafana/grafana:10.4.19', {image}"),
                                ({"cap_add": ["NET_ADMIN"]}, "not all capabilities are dropped"),
                                ({"networks": ["other"]}, "there is no network other"),
                                ({"volumes": ["other:/x"]}, "there is no volume other"),
                                ({"volumes": ["./secrets/x:/run/secrets/x"]},
                                 "mount './secrets/x:/run/secrets/x': secrets are mounted below /run/secrets, read-only"),
                                ({"environment": {"API_TOKEN": "x"}}, "environment API_TOKEN: secrets come from files (…_FILE)"),
                                ({"command": ["--password=x"]}, "argument '--password=x': secrets come from files"),
                                ({"depends_on": ["nginx"]}, "depends on nginx without condition: service_healthy"),
                                ({"depends_on": ["demo-api"]}, "depends on demo-api, which is not in all of its profiles")):
            with self.subTest(change=change):
                self.assertEqual([f"mail: {problem}"], self.changed("mail", lambda service: service.update(change)))

    def test_the_services_without_a_health_check_are_exactly_those_listed(self):
        found = self.changed("nginx-exporter", lambda service: service.update(healthcheck={"test": ["CMD", "true"]}))
        self.assertEqual(["nginx-exporter: has a health check, and is listed as one that can have none"], found)
        with mock.patch.dict(compose.NO_HEALTHCHECK, {"gone": "why"}):
            self.assertEqual(["gone: listed as one without a health check, and there is no such service"],
                             self.changed("mail", lambda service: None))

    def test_a_service_that_the_second_file_weakens_is_found(self):
        self.assertEqual(["nginx: its root can be written to"], self.changed("nginx", lambda service: service.update(read_only=False)))

    def test_an_image_of_ours_that_would_be_pulled_or_be_two_things_is_found(self):
        self.assertEqual(["heal-actuator and heal-webhook: one image, and two builds",
                          "heal-exporter and heal-webhook: one image, and two builds"],
                         sorted(self.changed("heal-webhook", lambda service: service.update(image="${HEAL_IMAGE:-promheal:local}"))))
        self.assertEqual([f"{pair}: two images, and one build" for pair in ("heal-actuator and heal-webhook", "heal-exporter and heal-webhook")],
                         self.changed("heal-webhook", lambda service: service.pop("build")))
        self.assertEqual(["mail: no build, and no registry has its image"], self.changed("mail", lambda service: service.pop("profiles")))

    def test_a_library_that_the_image_has_by_chance_is_found(self):
        packages = "# [engine]\nx-dev # no\n\n# [build]\ng++ # yes\na-dev # yes\nb-dev # yes\n\n# [lint]\ny-dev\n"
        self.assertEqual(["Dockerfile: b-dev is not named"], compose.unnamed(packages, "RUN apt-get install a-dev libb-dev"))

    def test_what_one_of_the_two_composes_does_not_take_is_found(self):
        def shape(text):
            return list(compose.shape("a.yml", yaml.safe_load(text), text))

        self.assertEqual([], shape("x-a: 1\n# no $C\nservices: {a: {image: '${A:-b}', command: [$$x, '${B:?why}']}}\n"))
        self.assertEqual(["a.yml: version is not taken at the top"], shape("version: '3'\nservices: {}\n"))
        self.assertEqual(["a.yml: a: links is not one of the keys that are used here"], shape("services: {a: {links: [b]}}\n"))
        unset = "has neither a default nor a word for who has not set it"
        self.assertEqual([f"a.yml: $A {unset}", f"a.yml: $B {unset}"], shape("services: {a: {image: '${A}', command: $B}}\n"))

    def test_who_has_not_found_the_group_of_the_socket_is_told_what_to_run(self):
        for names in ([compose.BASE], [compose.BASE, compose.MORE]):
            done = compose.config(self.ROOT, names, "")
            self.assertIsNotNone(done, "docker-compose is missing")
            self.assertNotEqual(0, done.returncode)
            self.assertIn("run compose/secrets.sh", done.stderr)


class Dashboards(unittest.TestCase):
    NAME = "promheal-loop.json"

    def setUp(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        self.board = json.loads((root / dashboards.FOLDER / self.NAME).read_text())

    def changed(self, change, name=NAME):
        board = copy.deepcopy(self.board)
        change(board)
        return list(dashboards.problems(name, board))

    def test_what_grafana_would_refuse_or_links_would_lose_is_found(self):
        first, second = self.board["panels"][0], self.board["panels"][1]
        self.assertEqual([], self.changed(lambda board: None))
        self.assertEqual(["uid 'promheal-loop' is not the file's name, which links stand on"],
                         self.changed(lambda board: None, "other.json"))
        self.assertEqual([f"two panels have the id {first['id']}"],
                         self.changed(lambda board: board["panels"][1].update(id=first["id"])))
        self.assertEqual(["panels overlap"], self.changed(lambda board: board["panels"][1].update(gridPos=first["gridPos"])))
        self.assertEqual([f"panel {second['id']} ({second['title']}): no query"],
                         self.changed(lambda board: board["panels"][1].update(targets=[])))


class Tidy(unittest.TestCase):
    def unit(self, root, name, text):
        path = pathlib.Path(root) / name
        path.write_text(text)
        return tidy.Unit(pathlib.Path(root), {"file": str(path), "directory": root, "command": f"g++ -I{root} -Wall -std=c++20 -o {name}.o -c {path}"})

    def test_files_that_define_the_same_name_are_not_looked_at_as_one(self):
        with tempfile.TemporaryDirectory() as root:
            a = self.unit(root, "a.cc", "int shown(int x) {\n  return x;\n}\n")
            b = self.unit(root, "b.cc", "constexpr int kMost = 1;\n")
            c = self.unit(root, "c.cc", "std::string shown(double x) {\n}\n")
            d = self.unit(root, "d.cc", "const int kMost = 2;\n")
            self.assertEqual([[a, b], [c, d]], list(tidy.bundles([a, b, c, d])))

    def test_a_change_touches_what_includes_it_however_far(self):
        with tempfile.TemporaryDirectory() as root:
            folder = pathlib.Path(root)
            (folder / "part").mkdir()
            (folder / "part/x.h").write_text('#include "near.h"\n')
            (folder / "part/near.h").write_text('#include "part/x.h"\n')
            a = self.unit(root, "a.cc", '#include <vector>\n#include "part/x.h"\n')
            b = self.unit(root, "b.cc", '#include "missing.h"\n')
            self.assertEqual([folder / "part/near.h", folder / "part/x.h"], a.includes)
            self.assertEqual([a], tidy.touched(folder, [a, b], {"part/near.h"}))
            self.assertEqual([b], tidy.touched(folder, [a, b], {"b.cc"}))
            self.assertEqual([a, b], tidy.touched(folder, [a, b], {".clang-tidy"}))

    def test_a_finding_in_a_header_is_told_once(self):
        seen = set()
        text = "/r/a.h:1:2: error: bad [x]\nint a;\n1 warning generated.\n"
        self.assertEqual(["a.h:1:2: error: bad [x]", "int a;"], tidy.new_findings("/r", text, seen))
        self.assertEqual([], tidy.new_findings("/r", text, seen))

    def test_a_run_that_broke_is_told_and_fails(self):
        with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as build:
            unit = self.unit(root, "a.cc", "int shown() {")
            out = io.StringIO()
            with contextlib.redirect_stdout(out), mock.patch.object(tidy.Checker, "run_tidy", return_value="a.cc: ended with 139"):
                self.assertEqual(1, tidy.run(pathlib.Path(root), pathlib.Path(build), [unit], 1))
            self.assertIn("a.cc: ended with 139", out.getvalue())


class Report(unittest.TestCase):
    def count(self, cases):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(f"<testsuite>{cases}</testsuite>")
            file.flush()
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                report.main(file.name)
            return out.getvalue()

    def test_a_skipped_or_missing_test_did_not_pass(self):
        cases = ('<testcase name="a" status="run"/><testcase name="b" status="fail"><failure/></testcase>'
                 '<testcase name="c" status="notrun"><skipped/></testcase><testcase name="d" status="disabled"/>')
        self.assertEqual("passed 1\nfailed b (fail)\nfailed c (notrun)\nfailed d (disabled)\n", self.count(cases))

    def test_no_test_at_all_is_an_error(self):
        with self.assertRaises(SystemExit):
            self.count("")


if __name__ == "__main__":
    unittest.main()
