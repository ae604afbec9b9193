"""Holds the two timing profiles equal in all but durations.

Usage: profiles.py ROOT. For each folder with production/ and fast/: the same files, and the same text once comments are
dropped and every duration is replaced by D. alertmanager/showcase is fast/ with lines added. Prints the difference and exits 1 if
there is any.
"""

import difflib
import pathlib
import re
import sys

FOLDERS = ["prometheus", "alertmanager", "compose/config"]
DURATION = re.compile(r"\b\d+(ms|s|m|h|d)(\d+(ms|s|m|h))*\b")


def normalised(path):
    lines = [re.sub(r"(^|\s+)#.*$", "", line) for line in path.read_text().splitlines()]
    return [DURATION.sub("D", line) for line in lines if line.strip()]


def differences(folder):
    production, fast = folder / "production", folder / "fast"
    names = {p.relative_to(side) for side in (production, fast) for p in side.rglob("*") if p.is_file()}
    for name in sorted(names):
        pair = production / name, fast / name
        missing = [str(p) for p in pair if not p.is_file()]
        if missing:
            yield f"missing: {missing[0]}"
        else:
            yield from difflib.unified_diff(*map(normalised, pair), *map(str, pair), lineterm="", n=1)


def lost(base, extended):
    """What of `base` is not in `extended`, in its order."""
    lines = difflib.unified_diff(*map(normalised, (base, extended)), str(base), str(extended), lineterm="", n=0)
    return [line for line in lines if line.startswith("-") and not line.startswith("---")]


def main(root):
    root = pathlib.Path(root)
    found = [line for folder in FOLDERS for line in differences(root / folder)]
    found += [f"alertmanager/showcase lacks a line of fast/: {line[1:]}"
              for line in lost(*(root / "alertmanager" / profile / "alertmanager.yml" for profile in ("fast", "showcase")))]
    print("\n".join(found) or "the profiles differ in durations only")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
