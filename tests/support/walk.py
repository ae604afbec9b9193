"""The walk of README.md, section "Add a service of your own", as its text has it: what to write, to change and to run.

A fenced block is a file, or a part of one, named in the text before it; an indented block is commands. Whoever changes the
text so that a step of it is not recognised is told by `Walk.check`.
"""

import dataclasses
import pathlib
import re
import subprocess

SECTION = "Add a service of your own"
# What each step consists of, step 0 being what stands before the first.
STEPS = [["run"], ["run"], ["write", "add", "run", "run"], ["write", "run"], ["write", "first", "run"],
         ["write", "run", "run"], ["write", "run", "run"], ["run", "run", "run", "run"]]
# The one that takes all of it out again.
LAST = len(STEPS) - 1


@dataclasses.dataclass
class Action:
    step: int
    kind: str  # write: a new file; first: put before the first item under a key; add: put into a list; run: a command
    path: str = ""
    key: str = ""
    text: str = ""


def blocks(text):
    """(prose, fenced, indented) in order, one of the three each."""
    for part in re.split(r"(?m)^(```yaml\n(?:.*\n)*?```$|(?:    .*\n)+)", text):
        if part.startswith("```"):
            yield "fenced", part.split("\n", 1)[1].removesuffix("```")
        elif part.startswith("    "):
            yield "indented", part
        elif part.strip():
            yield "prose", " ".join(part.split())


def commands(text):
    """One a line, comments left out, lines that end in a backslash joined."""
    lines = re.sub(r"\\\n *", "", re.sub(r"(?m)^    ", "", text)).splitlines()
    return [line for line in (re.sub(r"\s+#.*$", "", line) for line in lines) if line]


def actions_of(step, text):
    said = ""
    for kind, part in blocks(text):
        if kind == "prose":
            said = part
            change = re.search(r"add `([^`]+)` to `(\w+)` .*?`([^`]+\.yml)`", said)
            if change:
                yield Action(step, "add", change[3], change[2], change[1])
        elif kind == "fenced":
            path = re.findall(r"`([^`]+\.yml)`", said)[-1]
            under = re.search(r"the first under `(\w+):`", said)
            yield Action(step, "first" if under else "write", path, under[1] if under else "", part)
        else:
            yield from (Action(step, "run", text=command) for command in commands(part))


class Walk:
    def __init__(self, root):
        section = re.search(rf"(?ms)^## {SECTION}$(.*?)^## ", (root / "README.md").read_text())[1]
        parts = re.split(r"(?m)^(?=\*\*\d+\. )", section)
        self.actions = [action for step, part in enumerate(parts) for action in actions_of(step, part)]

    def check(self):
        """[] when every step is what it should be."""
        found = [[action.kind for action in self.actions if action.step == step] for step in range(len(STEPS))]
        wrong = [f"step {step} of README.md's walk should be {should}, and reads as {is_}"
                 for step, (should, is_) in enumerate(zip(STEPS, found)) if should != is_]
        return wrong if self.actions and max(a.step for a in self.actions) == LAST else [*wrong, "other steps"]

    def written(self, suffix=""):
        """The text of the one new file whose path ends so."""
        (one,) = [action.text for action in self.actions if action.kind == "write" and action.path.endswith(suffix)]
        return one


def apply(action, tree):
    """Does to the files below `tree` what the text says."""
    path = pathlib.Path(tree, action.path)
    if action.kind == "write":
        assert not path.exists(), f"{action.path} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(action.text)
    else:
        text = path.read_text()
        if action.kind == "first":
            changed = text.replace(f"\n{action.key}:\n", f"\n{action.key}:\n{action.text}", 1)
        else:
            changed = re.sub(rf"(?m)^({action.key}: \[.*)\]$", rf"\1, {action.text}]", text, count=1)
        assert changed != text, f"{action.path} has no {action.key} to change"
        path.write_text(changed)
    path.chmod(0o644)


def shell(alias, command, tree):
    """Runs a command from the top folder, with the alias that the text begins with."""
    script = f"shopt -s expand_aliases\n{alias}\n{command}"
    return subprocess.run(["bash", "-c", script], cwd=tree, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
