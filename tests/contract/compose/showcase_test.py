"""engine_events.yml on the showcase's heal.yml, with `sources` uncommented.

Usage: showcase_test.py ROOT FOLDER-OF-PROGRAMS
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def main(root, programs):
    with tempfile.TemporaryDirectory(prefix="heal-showcase-") as folder:
        heal = pathlib.Path(folder, "heal")
        shutil.copytree(pathlib.Path(root, "compose/showcase/heal"), heal)
        text, count = re.subn(r"(?m)^# (sources:)\n# (  docker: .*)$", r"\1\n\2", (heal / "heal.yml").read_text())
        assert count == 1, "heal.yml has no `sources` to uncomment"
        (heal / "heal.yml").write_text(text)
        test = shutil.copy(HERE / "engine_events.yml", heal / "tests")
        return subprocess.run([pathlib.Path(programs, "healctl"), "playbook", "test", test], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
