"""Holds the JSON Schemas of healctl/schemas to what the programs read, so that the two cannot drift apart.

Usage: schema_test.py ROOT HEALCTL. Exits 1 and says what is wrong.
  - every file of these kinds in the repository is valid by its schema, and so are the full examples of this folder
  - the keys that the schema has for each map of the full examples are those that the decoder knows there: it is given a
    key that nobody knows, and says which ones it expected
  - no map of a schema is missing in the full examples
  - a wrong key and a missing one are refused by the schemas too
"""

import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

UNKNOWN = "zzzzzzzzzzzz"
# What is asked of healctl about a file of each kind.
COMMANDS = {"heal": ["playbook", "check"], "playbook": ["playbook", "check"], "test": ["playbook", "test"],
            "drill": ["drill", "check"]}
SHIPPED = {"heal": ["compose/config/*/heal.yml", "compose/showcase/heal/heal.yml", "webhook/example/heal.yml",
                    "tests/golden/playbook/examples/heal.yml"],
           "playbook": ["compose/config/*/playbooks/*.yml", "compose/showcase/heal/playbooks/*.yml",
                        "webhook/example/playbooks/*.yml", "tests/golden/playbook/examples/playbooks/*.yml"],
           "test": ["compose/config/*/tests/*.yml", "compose/showcase/heal/tests/*.yml"],
           "drill": ["compose/drills/*.yml", "compose/showcase/drills/*.yml"]}
VISITED = set()  # maps of schemas that the full examples have
# Keys that decoders know in order to say where they belong.
KNOWN_TO_REFUSE = {"lever", "pauses", "storm", "windows", "http"}


class Loader(yaml.SafeLoader):
    """Scalars as YAML 1.2 and the programs read them: `off` and times are texts."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if tag in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")]
    for first, resolvers in copy.deepcopy(yaml.SafeLoader.yaml_implicit_resolvers).items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^-?[0-9]+$"), list("-0123456789"))


def load(path):
    return yaml.load(path.read_text(), Loader=Loader)


class Schema:
    def __init__(self, path):
        self.root = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(self.root)

    def is_valid(self, schema, value):
        whole = {**schema, "$defs": self.root.get("$defs", {})}
        return jsonschema.Draft202012Validator(whole).is_valid(value)

    def errors(self, value):
        return [f"{error.json_path}: {error.message}" for error in
                jsonschema.Draft202012Validator(self.root).iter_errors(value)]

    def choices(self, schema):
        """All that a place may be, references and alternatives followed."""
        if "$ref" in schema:
            return self.choices(self.root["$defs"][schema["$ref"].rsplit("/", 1)[1]])
        if "anyOf" in schema:
            return [one for part in schema["anyOf"] for one in self.choices(part)]
        return [schema]

    def objects(self, schema=None, seen=None):
        """Every map with named keys that the schema has."""
        seen = {} if seen is None else seen
        for one in self.choices(self.root if schema is None else schema):
            if "properties" in one:
                if id(one) in seen:
                    continue
                seen[id(one)] = one
            parts = list(one.get("properties", {}).values())
            for key in ("items", "additionalProperties"):
                if isinstance(one.get(key), dict):
                    parts.append(one[key])
            for part in parts:
                self.objects(part, seen)
        return seen

    def maps(self, value, schema=None, path=()):
        """(path, the alternative that fits, the keys of all alternatives) of each map of `value` with named keys."""
        choices = self.choices(self.root if schema is None else schema)
        fitting = next((one for one in choices if self.is_valid(one, value)), None)
        if fitting is None:
            return
        if isinstance(value, dict):
            if "properties" in fitting:
                VISITED.add(json.dumps(fitting, sort_keys=True))
                every = {key for one in choices for key in one.get("properties", {})}
                yield path, set(fitting["properties"]), every
            for key, part in value.items():
                below = fitting.get("properties", {}).get(key, fitting.get("additionalProperties"))
                if isinstance(below, dict):
                    yield from self.maps(part, below, path + (key,))
        if isinstance(value, list) and isinstance(fitting.get("items"), dict):
            for index, part in enumerate(value):
                yield from self.maps(part, fitting["items"], path + (index,))


def known_keys(healctl, kind, folder, document, path):
    """What the decoder says it expected in the map at `path`; None when it takes any key there or says nothing."""
    changed = copy.deepcopy(document)
    place = changed
    for step in path:
        place = place[step]
    place[UNKNOWN] = 1
    file = folder / f"changed-{kind}.yml"
    file.write_text(json.dumps(changed))  # JSON is YAML
    run = subprocess.run([healctl, *COMMANDS[kind], file], capture_output=True, text=True, check=False)
    said = run.stdout + run.stderr
    if f'"{UNKNOWN}"' not in said:
        return None, said
    after = said.split(f'"{UNKNOWN}"', 1)[1]
    hint = re.search(r"hint: expected one of (.*)", after)
    return (set(hint.group(1).split(", ")) if hint else None), said


def check_keys(healctl, kind, schema, document, folder):
    for path, keys, every in schema.maps(document):
        known, said = known_keys(healctl, kind, folder, document, path)
        place = f"{kind}: at {'/'.join(map(str, path)) or 'the top'}"
        if UNKNOWN not in said:
            yield f"{place}: the decoder takes any key: {said[-300:]}"
            continue
        if known is None:
            continue  # more than fit into a hint
        if kind == "playbook" and known & {"docker.restart"}:
            keys = {key for key in keys if "." in key or key in ("command", "assert")}
        if keys - known:
            yield f"{place}: only the schema has {sorted(keys - known)}"
        if known - every - KNOWN_TO_REFUSE:
            yield f"{place}: only the decoder knows {sorted(known - every)}"


def main(root, healctl):
    root = pathlib.Path(root)
    here = root / "tests/golden/schemas/full"
    full = {"heal": here / "heal.yml", "playbook": here / "playbooks/full.yml", "test": here / "test.yml",
            "drill": here / "drill.yml"}
    wrong, maps = [], {}
    for kind in COMMANDS:
        schema = Schema(root / f"healctl/schemas/{kind}.schema.json")
        files = [path for pattern in SHIPPED[kind] for path in sorted(root.glob(pattern))]
        if not files:
            wrong.append(f"{kind}: no shipped file")
        for path in [*files, full[kind]]:
            wrong += [f"{path.relative_to(root)}: {error}" for error in schema.errors(load(path))]
        document = load(full[kind])
        if not schema.errors({**document, UNKNOWN: 1}) or not schema.errors({"version": 1} if kind != "heal" else {}):
            wrong.append(f"{kind}: the schema takes what it must not")
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            wrong += check_keys(healctl, kind, schema, document, folder)
        maps |= {json.dumps(one, sort_keys=True): (kind, sorted(one["properties"])) for one in schema.objects().values()}
    wrong += [f"{kind}: no full example of a map with {keys}" for text, (kind, keys) in maps.items() if text not in VISITED]
    print("\n".join(wrong) or "the schemas agree with the decoders and with every file")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
