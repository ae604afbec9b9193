"""Checks of the text of the sources that no compiler makes.

Usage: source.py ROOT. Prints file:line: message for each breach and exits 1 if there is any.
  - files of at most 600 lines, functions of at most 60 (bodies at column 0; clang-tidy counts the others)
  - time, sleeping and std::regex only where they belong; no reference into a version of the configuration that nobody holds
  - no path of one machine, no trailing blanks, no tab in C++, a README in each module folder
"""

import pathlib
import re
import subprocess
import sys

FILE_LINES = 600
FUNCTION_LINES = 60

# Pattern -> (what to say, folders where it is at home).
FORBIDDEN = [
    (re.compile(r"\bthis_thread::sleep_|\busleep\s*\(|\bnanosleep\s*\("),
     "sleeping belongs to Clock; in a test wait for an event", ("common/system/",)),
    (re.compile(r"\bstd::w?s?regex\b|#include <regex>"),
     "std::regex overflows the stack; use common/model/regex.h", ()),
    (re.compile(r"\b(system|steady|high_resolution)_clock::now\s*\("),
     # The reactor's deadlines are the kernel's, on real sockets; a log line's time is the wall's.
     "the time comes from Clock",
     ("common/system/", "common/telemetry/logger.cc", "common/httpd/reactor.cc", "tests/")),
    (re.compile(r"\bstd::atomic<std::shared_ptr\b"), "GCC 12 races here; use common/base/snapshot.h", ()),
    (re.compile(r"(\bfor \([^;]*[^:]:|[&*] ?\w+ =) \*?[\w.>()-]*\b(get|web|controls|lock_holders)\(\)->"),
     # A reload may take the last hold on it away from under whoever reads.
     "nobody holds the version that this refers to; keep it in a variable of its own", ()),
    (re.compile(r"\busing namespace (?!std::(chrono_)?(string_view_)?literals)"), "no using namespace", ()),
]
MACHINE_PATH = re.compile(r"(^|[^A-Za-z0-9_.])/(" + "wor" + "k|" + "far" + r"m|home/[a-z]+)/")
NOT_A_FUNCTION = re.compile(r"^(namespace|class|struct|enum|union|extern|template|constexpr|const|static const|inline constexpr)\b")


def tracked(root):
    listing = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=True).stdout.decode()
    return [name for name in listing.split("\0") if name and (pathlib.Path(root) / name).is_file()]


def long_functions(name, lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line[:1].strip() and line.rstrip().endswith("{") and not NOT_A_FUNCTION.match(line):
            start = number
        elif line.startswith("}"):
            if start and number - start + 1 > FUNCTION_LINES:
                yield f"{name}:{start}: function of {number - start + 1} lines, at most {FUNCTION_LINES}"
            start = None


def check_cpp(name, lines):
    if len(lines) > FILE_LINES:
        yield f"{name}:{len(lines)}: file of {len(lines)} lines, at most {FILE_LINES}"
    if not name.startswith("tests/"):
        yield from long_functions(name, lines)
    if name.endswith(".h") and "#pragma once" not in lines:
        yield f"{name}:1: header without #pragma once"
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0]
        for pattern, message, homes in FORBIDDEN:
            if pattern.search(code) and not name.startswith(homes):
                yield f"{name}:{number}: {message}"
        if "\t" in line:
            yield f"{name}:{number}: tab"


def check_text(name, lines):
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: path of one machine"
        if line != line.rstrip() and not name.startswith(("tests/golden/", "tests/fuzz/")):
            yield f"{name}:{number}: trailing blanks"


def check_readmes(names):
    modules = {str(pathlib.PurePosixPath(name).parent) for name in names if name.endswith("/CMakeLists.txt")}
    top = {name.split("/")[0] for name in names if "/" in name and not name.startswith(".")}
    for folder in sorted({m for m in modules if not m.startswith("tests/unit")} | top):
        if f"{folder}/README.md" not in names:
            yield f"{folder}/README.md:1: every folder tells its users what it is"


def main(root):
    names = tracked(root)
    found = list(check_readmes(set(names)))
    for name in names:
        try:
            lines = (pathlib.Path(root) / name).read_text().splitlines()
        except UnicodeDecodeError:
            continue
        found += check_text(name, lines)
        if name.endswith((".h", ".cc")):
            found += check_cpp(name, lines)
    print("\n".join(found) or "sources hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
