"""Holds every service of the compose files to the same confinement, and the files to what Compose 1.29 and 2 both take.

Usage: compose.py ROOT. Prints one line per breach and exits 1 if there is any. docker-compose reads the files as well, if it is
there. To add a service: give it what its neighbours have; what cannot have a health check is listed below, with the reason.
"""

import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

BASE, MORE = "docker-compose.yml", "showcase.yml"
# Service -> why nothing in it can ask whether it is well. Its file says the same.
NO_HEALTHCHECK = {"nginx-exporter": "upstream's image is the program and nothing else"}

TOP = {"services", "networks", "volumes"}  # and x-…; `version` is obsolete, and changes what 1.29 takes
KEYS = {"build", "cap_drop", "command", "container_name", "cpus", "depends_on", "entrypoint", "environment", "group_add", "healthcheck",
        "image", "labels", "logging", "mem_limit", "networks", "pids_limit", "ports", "profiles", "read_only", "restart", "security_opt",
        "stop_grace_period", "stop_signal", "tmpfs", "user", "volumes"}
OURS = re.compile(r"promheal(-[a-z-]+)?:local")
PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?")
IMAGE = re.compile(r"\$\{([A-Z_]+_IMAGE):-([^}]+)\}")
SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|API_?KEY", re.IGNORECASE)
VARIABLE = re.compile(r"(?<!\$)\$(?:\{([A-Za-z_]+)([^}]*)\}|([A-Za-z_]+))")


def listed(value):
    return list(value or [])


def confinement(name, service):
    """What of its confinement a service lacks."""
    for key in ("mem_limit", "cpus", "pids_limit"):
        if not service.get(key):
            yield f"no {key}"
    options = (service.get("logging") or {}).get("options") or {}
    if not {"max-size", "max-file"} <= set(options):
        yield "no limit for its log (max-size, max-file)"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        yield "not all capabilities are dropped"
    if "no-new-privileges:true" not in listed(service.get("security_opt")) or service.get("privileged"):
        yield "no-new-privileges:true is missing"
    if service.get("read_only") is not True:
        yield "its root can be written to"
    if not re.match(r"[1-9]\d*(:\d+)?$", str(service.get("user", ""))):
        yield f"user {service.get('user')!r}, expected the number of one who is not root"
    if not service.get("networks"):
        yield "no network is named"
    image = IMAGE.fullmatch(str(service.get("image", "")))
    if not image or not (OURS.fullmatch(image[2]) or PINNED.fullmatch(image[2])):
        yield f"image {service.get('image')!r}, expected ${{…_IMAGE:-name:version}}"


def health(name, service):
    asked = listed((service.get("healthcheck") or {}).get("test"))
    if name in NO_HEALTHCHECK and asked:
        yield "has a health check, and is listed as one that can have none"
    if name not in NO_HEALTHCHECK and asked[:1] != ["CMD"]:
        yield "no health check (a list that begins with CMD)"


def builds(services):
    """What of our images `up --build` would pull, or build twice as two things."""
    runs = [(name, IMAGE.fullmatch(str(service.get("image"))), service.get("build"), service.get("profiles"))
            for name, service in services.items()]
    for name, image, build, profiles in runs:
        if image and OURS.fullmatch(image[2]) and not build and not profiles:
            yield f"{name}: no build, and no registry has its image"
    for (name, image, build, _), (other, its_image, its_build, _) in itertools.combinations(runs, 2):
        if image and its_image and build and its_build and (image[0] == its_image[0]) != (build == its_build):
            yield f"{name} and {other}: {'one image, and two builds' if build != its_build else 'two images, and one build'}"


def secrets(service):
    environment = service.get("environment") or {}
    pairs = environment.items() if isinstance(environment, dict) else [str(each).partition("=")[::2] for each in environment]
    for name, _ in pairs:
        if SECRET.search(name) and not name.endswith("_FILE"):
            yield f"environment {name}: secrets come from files (…_FILE)"
    for word in listed(service.get("command")) + listed(service.get("entrypoint")):
        if SECRET.search(str(word)) and "/run/secrets/" not in str(word):
            yield f"argument {word!r}: secrets come from files"
    for mount in listed(service.get("volumes")):
        if "secrets" in mount and not re.search(r":/run/secrets/[^:]+:ro$", mount):
            yield f"mount {mount!r}: secrets are mounted below /run/secrets, read-only"


def references(name, service, names, services):
    """What it names that no file declares, or that its profiles may leave out."""
    for network in listed(service.get("networks")):
        if network not in names["networks"]:
            yield f"there is no network {network}"
    for mount in listed(service.get("volumes")):
        source = mount.split(":", 1)[0]
        if re.fullmatch(r"[a-z][a-z0-9-]*", source) and source not in names["volumes"]:
            yield f"there is no volume {source}"
    needs = service.get("depends_on") or {}
    for other in needs:
        profiles = set(listed(services.get(other, {}).get("profiles")))
        if other not in services:
            yield f"depends on {other}, which there is not"
        elif profiles and not set(listed(service.get("profiles"))) <= profiles:
            yield f"depends on {other}, which is not in all of its profiles"
        elif not isinstance(needs, dict) or needs[other].get("condition") != "service_healthy":
            yield f"depends on {other} without condition: service_healthy"


def shape(name, document, text):
    """What one of the two Composes would refuse, warn about or read otherwise."""
    for key in document:
        if key not in TOP and not key.startswith("x-"):
            yield f"{name}: {key} is not taken at the top"
    for service, settings in document["services"].items():
        for key in sorted(set(settings) - KEYS):
            yield f"{name}: {service}: {key} is not one of the keys that are used here"
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for braced, rest, bare in VARIABLE.findall(code):
        if bare or not rest.startswith((":-", ":?")):
            yield f"{name}: ${braced or bare} has neither a default nor a word for who has not set it"


def merged(documents):
    """Services as Compose sees them with both files: of a list or mapping that both have, all."""
    out = {}
    for document in documents:
        for name, settings in document["services"].items():
            service = out.setdefault(name, {})
            for key, value in settings.items():
                old = service.get(key)
                if isinstance(value, list) and isinstance(old, list) and key not in ("command", "entrypoint"):
                    value = old + [each for each in value if each not in old]
                elif isinstance(value, dict) and isinstance(old, dict):
                    value = old | value
                service[key] = value
    return out


def breaches(documents):
    """Of files that are used together: name -> document, the first by itself too."""
    files = list(documents.values())
    for count in range(1, len(files) + 1):
        services = merged(files[:count])
        names = {kind: {key for each in files[:count] for key in each.get(kind) or {}} for kind in ("networks", "volumes")}
        for name, service in services.items():
            for found in (confinement(name, service), health(name, service), secrets(service), references(name, service, names, services)):
                for problem in found:
                    yield f"{name}: {problem}"
        yield from builds(services)
    for name in NO_HEALTHCHECK:
        if name not in services:
            yield f"{name}: listed as one without a health check, and there is no such service"


def unnamed(packages, dockerfile):
    """Libraries that we are built with, and that the image's own build has only as somebody else's dependency."""
    section = packages.split("# [build]")[1].split("\n# [")[0]
    libraries = re.findall(r"(?m)^(\S+-dev)\b", section)
    return [f"Dockerfile: {name} is not named" for name in libraries if name not in dockerfile.split()]


def tool():
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


def config(root, names, profiles, **variables):
    """How Compose itself reads these files with these variables alone: the finished process; None without a Compose."""
    command = tool()
    if command is None:
        return None
    files = [part for name in names for part in ("-f", str(pathlib.Path(root) / "compose" / name))]
    with tempfile.NamedTemporaryFile() as empty:  # not the .env that secrets.sh has made
        return subprocess.run([*command, "--env-file", empty.name, *files, "config", "-q"], capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "COMPOSE_PROFILES": profiles, **variables})


def main(root):
    folder = pathlib.Path(root) / "compose"
    texts = {name: (folder / name).read_text() for name in (BASE, MORE)}
    documents = {name: yaml.safe_load(text) for name, text in texts.items()}
    found = list(dict.fromkeys(breaches(documents)))
    found += [problem for name in texts for problem in shape(name, documents[name], texts[name])]
    found += unnamed((pathlib.Path(root) / "tests/packages.txt").read_text(), (folder / "Dockerfile").read_text())
    profiles = ",".join(sorted({each for service in merged(documents.values()).values() for each in service.get("profiles", [])}))
    for names in ((BASE,), (BASE, MORE)):
        done = config(root, names, profiles, DOCKER_GID="999")
        if done is not None and (done.returncode or done.stderr):
            found.append(f"{' and '.join(names)}: Compose says: {done.stderr.strip()}")
    print("\n".join(found) or "the compose files hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
