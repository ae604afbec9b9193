"""`healctl explain` must answer "why did(n't) it act?" for every incident and every decision that a test has made.

The text is compared with the journal, which holds what the program really decided from: each decision's guard, result,
message and inputs, and for what no route took, what each route said.
"""

import json

OVER = {"closed", "suppressed", "unmatched", "failed", "interrupted", "cancelled", "stale"}
# Of what is closed, the reasons for which it was watched as healed until then; what else there is was given up before.
HEALED = {
    "stayed_healthy": "It acted, and it helped. ", "on_resolved_done": "It acted, and it helped. ",
    "stay_healthy_unknown": "It acted, and it helped; whether that lasted",
    "replaced": "It acted, and it helped; another heal was asked for",
}
# What else a deed may have come to, by the reason for which it was given up.
HALF_DONE = {"outcome_unknown", "plan_changed", "cannot_resume", "lock_lost"}
USED_UP = {"budget_exhausted", "breaker_open", "flapping"}


def deed(incident, why):
    """What its steps did, and what came of that."""
    has_acted = incident["times"]["acted_at"] is not None
    if incident["attempt"] == 0 or (why in USED_UP and not has_acted):
        return "It did not act"
    if why in HALF_DONE:
        return "It stopped half-done, and nobody knows what its steps have done"
    if not has_acted:
        return "It tried to act and could not"
    if why in ("verify_unknown", "relapsed"):
        return {"verify_unknown": "It acted, and could not find out whether that helped",
                "relapsed": "It acted, and that helped for a short time only"}[why]
    if incident["times"]["verified_at"] is not None:
        return "It acted, and it helped, but what is to follow was not done"
    return "It acted, and it did not help"


def closed(incident, entries):
    if incident["times"]["verified_at"] is not None and incident["reason"] in HEALED:
        if incident["times"]["acted_at"] is None:
            return "Its steps changed nothing, and the target is well. "
        return HEALED[incident["reason"]]
    calls = [e["data"]["reason"] for e in entries if e["kind"] == "escalated" and "to" not in e["data"]]
    if not calls:
        return deed(incident, "") + ". "
    since = {"cancelled": "a person has closed it since", "expired": "nobody has closed it"}
    return deed(incident, calls[-1]) + "; a human was called, and " + since.get(incident["reason"], "the trouble has ended since")


def beginning(incident, entries):
    """How the answer begins."""
    state, acted = incident["state"], incident["times"]["acted_at"] is not None
    no = "It acted, and that did not help; the next playbook did nothing" if acted else "It did not act"
    return {
        "received": "It has not decided yet: it waits for a worker", "planned": "It has not decided yet: it waits for a worker",
        "held": "It acted, and that did not help; the next playbook waits" if acted else "It has not acted yet and waits",
        "awaiting_approval": "It acted, and that did not help; a person must approve" if acted else
                             "It has not acted yet: a person must approve",
        "suppressed": no, "unmatched": no + ": nothing in heal.yml", "stale": no + ": there was nothing left to heal",
        "executing": "It is acting", "verifying": "It is acting", "recovered": ("It acted, and it helped" if acted else "Its steps changed nothing, and the target is well") + "; it is watched",
        "failed": deed(incident, incident["reason"]) + ". ",
        "escalated": deed(incident, incident["reason"]) + "; a human is called. ",
        "interrupted": "It stopped half-done, and only a person may go on",
        "cancelled": f"It was called off {'after it had' if acted else 'before it'} acted",
    }.get(state) or closed(incident, entries)


def decision_gaps(data, text):
    """What of one decision the text does not tell."""
    wanted = [data["guard"], data["result"], data["message"]] if data["result"] != "allow" else ["every guard allows it"]
    for guard in data.get("guards", []):
        is_decisive = data["guard"] in (guard["guard"], "none")
        wanted += [f"{i['name']} = {i['value']}" for i in guard["inputs"]] if is_decisive and guard["inputs"] else []
    return [want for want in wanted if want not in text]


def shown(moment):
    """A time of the API as people read it: with milliseconds."""
    whole, _, fraction = moment.rstrip("Z").partition(".")
    return f"{whole}.{fraction[:3]:0<3}Z"


def gaps(incident, entries, text):
    """What the text of one incident lacks; empty when it answers."""
    lacks = []
    answer = text.splitlines()[0]
    if not answer.startswith(beginning(incident, entries)):
        lacks.append(f"an answer that begins with {beginning(incident, entries)!r}")
    if incident["message"] not in answer or incident["reason"] not in answer:
        lacks.append(f"an answer with the reason {incident['reason']}: {incident['message']}")
    if (incident["times"]["acted_at"] is not None) != any(line.startswith("acted ") for line in text.splitlines()):
        lacks.append("whether and when it acted")
    for entry in entries:
        if entry["kind"] in ("unmatched", "matched"):
            lacks += [f"the route {route}" for route in entry["data"].get("routes", []) if route not in text]
        if entry["kind"] == "decision":
            lacks += [f"of a decision: {gap}" for gap in decision_gaps(entry["data"], text)]
    decisions = [e["data"] for e in entries if e["kind"] == "decision"]
    if incident["state"] == "held":
        guard, until = decisions[-1]["guard"], decisions[-1]["until"]
        lacks += [f"in the answer: {want}" for want in (f" {guard} holds it", until and shown(until)) if want and want not in answer]
    if incident["state"] == "unmatched" and "matches" not in text and "match" not in text and not decisions:
        lacks.append("why no route took it")
    return lacks


def check(healctl, incidents, timeline):
    """`healctl` runs it, `incidents` are as the API lists them, `timeline` gives the entries of one."""
    problems = []
    for incident in incidents:
        def show():
            return json.loads(healctl("incidents", "show", incident["id"], "-o", "json").stdout)["incident"]

        # Asked before and after: one that moves on meanwhile is asked again.
        for _ in range(5):
            now, before = show(), timeline(incident["id"])
            text = healctl("explain", incident["id"]).stdout
            if len(timeline(incident["id"])) == len(before) and show() == now:
                break
        lacks = gaps(now, before, text)
        if lacks:
            problems.append(f"{now['name']} on {now['target']} ({now['state']}):\n{text}\nlacks\n  " + "\n  ".join(lacks))
    if problems:
        raise AssertionError("healctl explain does not explain:\n" + "\n\n".join(problems))
    return len(incidents)

