"""Holds what verifies by alerts to the pace at which alerts come.

Usage: evidence.py ROOT. A restart of what was up makes it fail for a moment, and a rule without `for` tells of that as late as a
scrape and an evaluation after it. Where a playbook asks whether alerts have resolved, verification must look for longer than
that, or it proves a heal first and hears of its own restart then. Prints one line per playbook and exits 1 if there is any.
"""

import pathlib
import re
import sys

import yaml

# Configuration folder -> Prometheus' that it runs beside.
BESIDE = {
    "compose/config/production": "prometheus/production", "compose/config/fast": "prometheus/fast",
    "compose/showcase/heal": "prometheus/fast",
}
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(text):
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h)", str(text)))


def told_within(prometheus):
    """After a failure, with rules that have no `for`."""
    settings = prometheus["global"]
    return seconds(settings["scrape_interval"]) + seconds(settings["evaluation_interval"])


def looks_for(verify):
    """From the first to the last of the answers that prove a heal."""
    return (verify.get("consecutive", 2) - 1) * seconds(verify.get("interval", "1s"))


def hasty(playbook, least):
    """What is wrong with a playbook; "" if nothing is."""
    verify = playbook.get("verify", {})
    checks = verify.get("all", []) + verify.get("any", [])
    if {"alert": "resolved"} not in checks or looks_for(verify) >= least:
        return ""
    return f"verification by alerts looks for {looks_for(verify):g} s; a failure is told within {least:g} s"


def findings(root):
    for folder, prometheus in BESIDE.items():
        least = told_within(yaml.safe_load((root / prometheus / "prometheus.yml").read_text()))
        for path in sorted((root / folder / "playbooks").glob("*.yml")):
            why = hasty(yaml.safe_load(path.read_text()), least)
            if why:
                yield f"{path.relative_to(root)}: {why}"


if __name__ == "__main__":
    found = list(findings(pathlib.Path(sys.argv[1])))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
