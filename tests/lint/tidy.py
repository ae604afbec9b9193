"""clang-tidy over our own translation units, in parallel. Prints each finding once and exits 1 if there is any.

Usage: tidy.py [--since REV] [--jobs N] [REGEX]
  --since REV  only what the changes since REV can have touched: changed files, and those that include a changed one
  REGEX        only files whose path from the repository's root matches

Configures the preset `tidy` in build/tidy, which has the command of every file alone; nothing need be built. A unit that was
clean is not looked at again until it, what it includes of ours, its command, .clang-tidy, clang-tidy or an installed package
changes; build/tidy/clean/ remembers them.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

CLANG_TIDY = "clang-tidy-14"
BUNDLE = 8
PACKAGES = pathlib.Path("/var/lib/dpkg/status")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
OURS = re.compile(r"(common|exporter|webhook|healctl|compose|tests)/.*\.(cc|h)$")
SUMMARY = re.compile(r"^(\d+ warnings? (and \d+ errors? )?generated\.|Error while processing .*|Found compiler error.*|)$")


def output_of(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@functools.cache
def included_by(path, folders):
    """The files of ours that this one names."""
    found = []
    for name in INCLUDE.findall(path.read_text()):
        paths = (pathlib.Path(os.path.normpath(folder / name)) for folder in (path.parent, *folders))
        found += [file for file in paths if file.is_file()][:1]
    return found


def all_included(path, folders):
    """The files of ours that this one includes, itself or through others."""
    found, left = set(), [path]
    while left:
        fresh = set(included_by(left.pop(), folders)) - found
        found |= fresh
        left += fresh
    return sorted(found)


class Unit:
    """One source file with the command that compiles it and the files of ours that it includes."""

    def __init__(self, root, entry):
        self.path = pathlib.Path(entry["file"])
        self.name = self.path.relative_to(root).as_posix()
        words = shlex.split(entry["command"])
        # Warnings are the compilers' task.
        self.flags = [*(word for word in words if re.match(r"-([DI]|std=)", word)), "-w"]
        folders = tuple(pathlib.Path(entry["directory"]) / word[2:] for word in self.flags if word.startswith("-I"))
        self.includes = all_included(self.path, folders)


def commands(root):
    """The folder and the entries of a compile_commands.json in which each file is compiled alone."""
    configured = subprocess.run(["cmake", "--preset", "tidy"], cwd=root, capture_output=True, text=True)
    if configured.returncode != 0:
        sys.exit(f"cmake --preset tidy:\n{configured.stderr}")
    build = root / "build/tidy"
    return build, json.loads((build / "compile_commands.json").read_text())


def read_units(root, entries):
    units = {}
    for entry in entries:
        path = pathlib.Path(entry["file"])
        if path.is_relative_to(root) and OURS.match(path.relative_to(root).as_posix()):
            unit = Unit(root, entry)
            units.setdefault(unit.name, unit)
    return [units[name] for name in sorted(units)]


def changed_since(root, revision):
    names = output_of("git", "-C", str(root), "diff", "-z", "--name-only", revision).split("\0")
    names += output_of("git", "-C", str(root), "ls-files", "-z", "--others", "--exclude-standard").split("\0")
    return {name for name in names if name}


def touched(root, units, changed):
    """The units that a change of these files can have touched."""
    if any(pathlib.PurePosixPath(name).name == ".clang-tidy" for name in changed):
        return units
    paths = {root / name for name in changed}
    return [unit for unit in units if unit.path in paths or paths.intersection(unit.includes)]


@functools.cache
def configuration_of(folder):
    """The configuration for the files of a folder, as it comes together from .clang-tidy there and above."""
    return output_of(CLANG_TIDY, "--dump-config", str(folder / "any.cc"), "--")


class Keys:
    """What a verdict depends on, as one digest for each unit. Reads each file once."""

    def __init__(self):
        self.files = {}
        packages = PACKAGES.stat() if PACKAGES.exists() else None
        self.tools = output_of(CLANG_TIDY, "--version") + str(packages and packages.st_mtime_ns)

    def of_file(self, path):
        if path not in self.files:
            try:
                self.files[path] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError:
                self.files[path] = "missing"
        return self.files[path]

    def of_unit(self, unit):
        parts = [self.tools, configuration_of(unit.path.parent), *unit.flags, *(f"{path} {self.of_file(path)}" for path in [unit.path, *unit.includes])]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def names_of(unit):
    """What the file defines at the left margin: two files that define the same cannot be looked at as one."""
    text = unit.path.read_text()
    names = set(re.findall(r"^(?![#/ }])[^(=;\n]*?(?<![:\w])(\w+)\(", text, re.M))
    names |= set(re.findall(r"^(?:class|struct|union|enum(?: class)?) (\w+)", text, re.M))
    names |= set(re.findall(r"^(?:using|(?:inline |static )?const(?:expr)?)\b[^=({;:\n]*?(?:std::)?[^=({;:\n]*?(\w+)(?:\[\w*\])?(?: =|[({;])", text, re.M))
    return names - {"TEST_CASE", "TEMPLATE_TEST_CASE", "namespace"}


def bundles(units):
    """Bundles of units that are compiled alike and share no name. Most of the time goes into the headers that all of
    them include, so that a bundle takes little longer than one file."""
    folders = {}
    for unit in units:
        folders.setdefault((unit.path.parent, tuple(unit.flags)), []).append(unit)
    for members in folders.values():
        open_bundles = []
        for unit in members:
            names = names_of(unit)
            for bundle, taken in open_bundles:
                if len(bundle) < BUNDLE and not taken & names:
                    bundle.append(unit)
                    taken |= names
                    break
            else:
                open_bundles.append(([unit], names))
        yield from (bundle for bundle, _ in open_bundles)


class Checker:
    """Runs clang-tidy over bundles; a finding in a bundle counts when the file alone has it too."""

    def __init__(self, root, build):
        self.root = root
        self.folder = build / "clean"
        self.folder.mkdir(exist_ok=True)
        keys = Keys()
        self.stamp_of = lambda unit: self.folder / keys.of_unit(unit)

    def run_tidy(self, path, configuration, flags):
        ran = subprocess.run([CLANG_TIDY, "--quiet", f"--config={configuration}", str(path), "--", *flags],
                             cwd=self.root, capture_output=True, text=True)
        if ran.returncode == 0:
            return ""
        return ran.stdout or ran.stderr or f"{path}: {CLANG_TIDY} ended with {ran.returncode}"

    def check(self, bundle):
        """What is to be printed about these units; "" when they are clean."""
        configuration = configuration_of(bundle[0].path.parent)
        if len(bundle) == 1:
            text = self.run_tidy(bundle[0].path, configuration, bundle[0].flags)
            if not text:
                self.stamp_of(bundle[0]).touch()
            return text
        # One main file, not includes: some checks look at the main file only.
        joined = self.folder / f"{self.stamp_of(bundle[0]).name}.cc"
        joined.write_text("\n".join(unit.path.read_text() for unit in bundle))
        text = self.run_tidy(joined, configuration, bundle[0].flags)
        joined.unlink()
        if text:
            half = len(bundle) // 2
            return self.check(bundle[:half]) + self.check(bundle[half:])
        for unit in bundle:
            self.stamp_of(unit).touch()
        return ""


def new_findings(root, text, seen):
    """The lines of findings that were not seen before: a header's is found again by each that includes it."""
    fresh, keep = [], True
    for line in text.replace(f"{root}/", "").splitlines():
        if re.match(r"\S+:\d+:\d+: (error|warning): ", line):
            keep = line not in seen
            seen.add(line)
        if keep and not SUMMARY.match(line):
            fresh.append(line)
    return fresh


def run(root, build, units, jobs):
    checker = Checker(root, build)
    todo = [unit for unit in units if not checker.stamp_of(unit).exists()]
    started, seen, bad = time.monotonic(), set(), 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        # The longest first, so that no core is left with one at the end.
        work = sorted(bundles(todo), key=lambda bundle: -sum(unit.path.stat().st_size for unit in bundle))
        for done in concurrent.futures.as_completed([pool.submit(checker.check, bundle) for bundle in work]):
            bad += bool(done.result())
            lines = new_findings(root, done.result(), seen)
            if lines:
                print("\n".join(lines), flush=True)
    print(f"clang-tidy: {len(todo)} of {len(units)} files looked at in {time.monotonic() - started:.0f} s (the others were "
          f"clean and are as they were), {bad or 'none'} with findings")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("regex", nargs="?", default="")
    parser.add_argument("--since", metavar="REV")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_intermixed_args()
    root = pathlib.Path(__file__).resolve().parents[2]
    build, entries = commands(root)
    units = [unit for unit in read_units(root, entries) if re.search(options.regex, unit.name)]
    if not units:
        sys.exit("no such file of ours is compiled")
    if options.since:
        units = touched(root, units, changed_since(root, options.since))
    return run(root, build, units, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
