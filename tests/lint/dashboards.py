"""Holds the Grafana dashboards of compose/grafana to their shape: what Grafana would refuse or what would break links.

Usage: dashboards.py ROOT. Each file is named after its uid; panels have ids that are unique within it, a place on the grid
that no other panel takes, a title of their own, a data source and queries. `tests/e2e/showcase_test.py` runs every query.
Prints one line per breach and exits 1 if there is any.
"""

import json
import pathlib
import re
import sys

FOLDER = "compose/grafana/dashboards"
KINDS = {"stat", "timeseries", "table"}
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH = 24


def duplicates(values):
    values = list(values)
    return sorted({str(v) for v in values if values.count(v) > 1})


def cells(grid):
    return [(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])]


def panel_problems(panel):
    if panel.get("type") not in KINDS:
        yield f"type {panel.get('type')!r}, expected one of {', '.join(sorted(KINDS))}"
    if panel.get("datasource") != SOURCE:
        yield "the data source is not the provisioned one"
    grid = panel.get("gridPos", {})
    if set(grid) != {"h", "w", "x", "y"} or grid["x"] + grid["w"] > WIDTH:
        yield f"gridPos {grid} is no place on a grid of {WIDTH} columns"
    if not panel.get("targets"):
        yield "no query"
    for target in panel.get("targets", []):
        if not target.get("expr") or target.get("datasource") != SOURCE:
            yield f"query {target.get('refId')} has no expression or another data source"
    for ref in duplicates(t.get("refId") for t in panel.get("targets", [])):
        yield f"two queries are called {ref}"


def problems(name, board):
    """What is wrong with one dashboard, read from a file of that name."""
    if not re.fullmatch(r"promheal-[a-z-]{1,30}", board.get("uid", "")) or f"{board.get('uid')}.json" != name:
        yield f"uid {board.get('uid')!r} is not the file's name, which links stand on"
    for key in ("title", "description", "panels"):
        if not board.get(key):
            yield f"no {key}"
    if "id" in board or board.get("version") != 1 or board.get("schemaVersion") != 39:
        yield "id, version or schemaVersion differ from what is provisioned"
    panels = board.get("panels", [])
    for what in ("id", "title"):
        for value in duplicates(p.get(what) for p in panels):
            yield f"two panels have the {what} {value}"
    taken = [cell for p in panels if set(p.get("gridPos", {})) == {"h", "w", "x", "y"} for cell in cells(p["gridPos"])]
    if len(taken) != len(set(taken)):
        yield "panels overlap"
    for panel in panels:
        for problem in panel_problems(panel):
            yield f"panel {panel.get('id')} ({panel.get('title')}): {problem}"


def main(root):
    files = sorted((pathlib.Path(root) / FOLDER).glob("*.json"))
    boards = [(path.name, json.loads(path.read_text())) for path in files]
    found = [f"{FOLDER}/{name}: {problem}" for name, board in boards for problem in problems(name, board)]
    found += [f"{FOLDER}: two dashboards have the title {t}" for t in duplicates(b.get("title") for _, b in boards)]
    if not files:
        found.append(f"{FOLDER}: no dashboards")
    print("\n".join(found) or "dashboards hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
