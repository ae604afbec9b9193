#!/usr/bin/env python3
"""Where both services take their memory from: malloc is mimalloc's, and operator new is the one that throws.

mimalloc's own operator new ends the program where no memory is left; which of the two is found depends on the order in
which libraries are linked.
"""

import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("HEAL_BIN_DIR", ROOT / "build/dev/bin")).resolve()


def bindings(program):
    """Symbol to library, as the dynamic linker binds what the program itself and libstdc++ ask for."""
    environment = dict(os.environ, LD_DEBUG="bindings", LD_BIND_NOW="1")
    done = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True, check=True, timeout=60)
    line = re.compile(r"binding file (\S+) \[0\] to (\S+) \[0\]: normal symbol `(\w+)'")
    return {(pathlib.Path(user).name.split(".")[0], symbol): pathlib.Path(library).name.split(".")[0]
            for user, library, symbol in line.findall(done.stderr)}


class Allocator(unittest.TestCase):
    def test_malloc_is_mimallocs_and_new_throws(self):
        for name in ("heal-webhook", "heal-exporter"):
            with self.subTest(name):
                bound = bindings(BIN / name)
                self.assertEqual("libstdc++", bound[(name, "_Znwm")])
                self.assertEqual("libstdc++", bound[(name, "_ZdlPvm")])
                self.assertEqual("libmimalloc", bound[("libstdc++", "malloc")])
                self.assertEqual("libmimalloc", bound[("libstdc++", "free")])


if __name__ == "__main__":
    unittest.main()
