"""Holds the dependency rules of the house: which folder may include which, and who alone may include a library.

Usage: layering.py ROOT. Prints one line per breach as file:line: message, and exits 1 if there is any.
To add a module, give it a line in EDGES; a library, a line in LIBRARIES.
"""

import pathlib
import re
import sys

GENERATED = {"heal_version.h", "heal_test_paths.h", "heal_openapi.h", "heal_schemas.h", "heal_ui.h"}  # by CMake

# Module -> modules whose headers it may include (itself always). Programs are modules too.
FOUNDATION = {"base", "telemetry", "model", "config", "cli"}
EDGES = {
    "base": set(),
    "telemetry": {"base"},
    "model": {"base"},
    "config": {"model", "base"},
    "cli": {"httpd", "config", "telemetry", "base"},
    "wire": {"model", "base"},
    "httpd": {"config", "telemetry", "base"},
    "port": {"model", "base"},
    "playbook": {"config", "model", "base"},
    "probe": {"port", "config", "wire", "telemetry", "model", "base"},
    "fault": {"port", "wire", "model", "base"},
    "remedy": {"playbook", "probe", "port", "wire", "config", "telemetry", "model", "base"},
    "sim": {"port", "wire", "model", "base"},
    "rehearsal": {"remedy", "sim", "playbook", "port", "wire", "config", "telemetry", "model", "base"},
    "system": {"port", "wire", "telemetry", "model", "base"},
    "exporter": {"probe", "httpd", "wire", "port"} | FOUNDATION,
    "webhook": {"remedy", "fault", "playbook", "probe", "httpd", "wire", "port"} | FOUNDATION,
    "compose": {"httpd", "wire", "port"} | FOUNDATION,
    "healctl": {"rehearsal", "remedy", "fault", "playbook", "probe", "httpd", "sim", "wire", "port"} | FOUNDATION,
}
PROGRAMS = {"exporter", "webhook", "healctl", "compose"}
# Only where a program is put together are real adapters named.
COMPOSITION_ROOTS = {"app.h", "app.cc", "main.cc", "system_ports.cc"}

# Include prefix -> folders that may use the library (fmt is free).
LIBRARIES = {
    "prometheus/": {"telemetry"},
    "yaml-cpp/": {"config"},
    "nlohmann/": {"wire"},
    "httplib.h": {"httpd", "system"},
    "curl/": {"system"},
    "ares.h": {"system"},
    "zlib.h": {"probe"},
    "brotli/": {"probe"},
    "sqlite3.h": {"system"},
    "CLI/": {"cli", "healctl"},
    "re2/": {"model"},
    "tl/": {"base"},
    "openssl/": {"base", "httpd", "system"},
    "crypt.h": {"httpd"},
    "catch2/": set(),
}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^">]+)[">]')


def module_of(path):
    """The module a repository path belongs to, or None: common/model/alert.h -> model, webhook/app.cc -> webhook."""
    parts = path.split("/")
    if parts[0] == "common" and len(parts) > 2:
        return parts[1]
    return parts[0] if parts[0] in PROGRAMS else None


def breach(module, file_name, bracket, included):
    """Why `included` may not stand in a file of `module`, or None."""
    if bracket == "<":
        for prefix, owners in LIBRARIES.items():
            if included.startswith(prefix) and module not in owners:
                allowed = ", ".join(sorted(owners)) or "tests"
                return f"<{included}> is included here, but only {allowed} may use that library"
        return None
    other = module_of(included)
    if other is None:
        return None if included in GENERATED else f'"{included}" is not a path from the repository root'
    if other == module or other in EDGES[module]:
        return None
    if other == "system" and module in PROGRAMS and file_name in COMPOSITION_ROOTS:
        return None
    return f'{module} may not include {other} ("{included}")'


def check_file(root, path):
    relative = path.relative_to(root).as_posix()
    module = module_of(relative)
    if module not in EDGES:
        return [f"{relative}:1: folder '{module}' has no line in EDGES of tests/lint/layering.py"]
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        reason = breach(module, path.name, *match.groups()) if match else None
        if reason:
            found.append(f"{relative}:{number}: {reason}")
    return found


def check_packages(root):
    """find_package and pkg_check_modules stand in Dependencies.cmake alone."""
    found = []
    for path in [*root.glob("CMakeLists.txt"), *root.glob("[a-z]*/**/CMakeLists.txt"), *root.glob("common/cmake/*.cmake")]:
        if path.name == "Dependencies.cmake" or "build" in path.relative_to(root).parts:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.match(r"\s*(find_package|pkg_check_modules)\b", line):
                found.append(f"{path.relative_to(root)}:{number}: packages are found in common/cmake/Dependencies.cmake only")
    return found


def main(root):
    root = pathlib.Path(root).resolve()
    found = check_packages(root)
    for folder in ["common", *sorted(PROGRAMS)]:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in {".h", ".cc"} and "testdata" not in path.parts:
                found += check_file(root, path)
    print("\n".join(found) or "layering holds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
