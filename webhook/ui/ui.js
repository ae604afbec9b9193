"use strict";
// The page of heal-webhook. Everything that comes from the API is put in as text, never as markup.

const STATES = {
  received: "busy", planned: "busy", executing: "busy", verifying: "busy",
  held: "warn", awaiting_approval: "warn", interrupted: "bad", failed: "bad", escalated: "bad",
  recovered: "good", closed: "good",
};
const OPEN = ["received", "held", "planned", "awaiting_approval", "executing", "verifying", "recovered", "escalated"];
const OVER = ["closed", "failed", "suppressed", "stale", "unmatched", "cancelled", "interrupted"];
const PAGE = 25;
/** Those that the service lets a person try again. */
const AGAIN = ["failed", "interrupted", "suppressed", "cancelled"];
const PATIENCE = 15000;

const view = { you: { name: "", roles: [] }, wanted: PAGE, timer: 0, isBusy: false, isStale: false, events: null };
const byId = (id) => document.getElementById(id);

/** An element; attributes whose value is null are left out, children that are no elements become text. */
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Puts `content` in place of what `element` holds, unless that is the same: what is read or selected stays. */
function fill(element, ...content) {
  const fresh = document.createElement("div");
  fresh.append(...content);
  if (fresh.innerHTML !== element.innerHTML) element.replaceChildren(...fresh.childNodes);
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const s = Math.abs(seconds);
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 120) return Math.round(s) + " s";
  if (s < 7200) return Math.round(s / 60) + " min";
  if (s < 172800) return Math.round(s / 3600) + " h";
  return Math.round(s / 86400) + " d";
}

function when(text) {
  if (!text) return null;
  const date = new Date(text);
  const isToday = date.toDateString() === new Date().toDateString();
  const time = date.toLocaleTimeString([], { hour12: false });
  return el("time", { datetime: text, title: text }, isToday ? time : date.toLocaleDateString([], { month: "short", day: "numeric" }) + " " + time);
}

const words = (text) => String(text || "").replaceAll("_", " ");
const state = (incident) => el("span", { class: "state " + (STATES[incident.state] || "") }, words(incident.state));
const isOver = (incident) => !OPEN.includes(incident.state);

async function ask(path, options) {
  const response = await fetch("api/v1/" + path, { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
    ...options });
  const text = await response.text();
  let body = null;
  try { body = JSON.parse(text); } catch { /* a refusal in plain text */ }
  if (response.ok) return body;
  const why = body && body.error ? body.error.message : text.trim();
  throw new Error(response.status + (why ? ": " + why : ""));
}

function complain(error) {
  const place = byId("trouble");
  place.hidden = !error;
  place.textContent = error ? String(error.message || error) : "";
}

// ---- at a glance

const tile = (label, value, kind, more) =>
  el("div", { class: "tile " + (kind || "") }, el("div", { class: "label" }, label), el("div", { class: "value" }, value),
    more ? el("div", { class: "more" }, more) : null);

function reachTile(status) {
  const parts = [["store", status.store], ["Prometheus", status.prometheus]];
  for (const engine of status.engines) parts.push(["engine " + engine.name, engine]);
  for (const server of status.alertmanagers) parts.push(["Alertmanager", server]);
  const lost = parts.filter(([, part]) => part && part.reachable === false).map(([name]) => name);
  if (!status.accepting) return tile("Service", "takes nothing", "bad");
  return lost.length ? tile("Service", "cannot reach " + lost.join(", "), "bad") : tile("Service", "ready", "good");
}

function leverTile(lever) {
  if (!lever.stops) return tile("Emergency lever", "released", "good", "healing may act");
  const why = lever.lever.engaged ? [lever.lever.reason, lever.lever.by].filter(Boolean).join(" · ") : lever.file.message;
  return tile("Emergency lever", "engaged: nothing acts", "bad", why);
}

function glance(status, lever, pauses, breakers) {
  const names = pauses.map((pause) => pause.name + (pause.by ? " by " + pause.by : ""));
  const open = breakers.map((breaker) => breaker.target);
  fill(byId("glance"), reachTile(status), leverTile(lever),
    names.length ? tile("Pauses", names.length + " in force", "warn", names.join(", ")) : tile("Pauses", "none", "good"),
    status.storm ? tile("Storm brake", status.storm.incidents + " incidents", "warn", "nothing begins while it lasts")
      : tile("Storm brake", "quiet", "good"),
    open.length ? tile("Breakers", open.length + " open", "warn", open.join(", ")) : tile("Breakers", "all closed", "good"));
  byId("version").textContent = "heal-webhook " + status.version + (status.you.name ? " · " + status.you.name : "");
}

// ---- lists

const cell = (label, content, kind) =>
  el("td", { "data-label": label || null, class: [kind || "", content ? "" : "none"].join(" ").trim() || null }, content || "");

const title = (incident) =>
  el("td", {}, el("a", { href: "#/incidents/" + encodeURIComponent(incident.id) }, incident.target || incident.name),
    incident.target ? el("span", { class: "sub" }, incident.name + (incident.drill ? " · drill" : "")) : null);

function table(heads, rows, empty) {
  if (!rows.length) return el("div", { class: "sheet" }, el("p", { class: "empty" }, empty));
  const head = heads.map(([name, kind]) => el("th", { scope: "col", class: kind || null }, name));
  return el("div", { class: "sheet" }, el("table", { class: "stack" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)));
}

const openRow = (incident) => el("tr", {}, title(incident),
  el("td", { "data-label": "State" }, state(incident)),
  cell("Why", [incident.message || words(incident.reason)].filter(Boolean).join("")),
  cell("Playbook", incident.playbook), cell("Since", when(incident.times.detected_at), "time"));

function what(incident) {
  const exit = incident.exit_code === null ? "" : "exit code " + incident.exit_code;
  const detail = [exit, incident.failure_reason].filter(Boolean).join(", ");
  return el("span", {}, words(incident.type).toLowerCase(), detail ? el("span", { class: "sub" }, detail) : null);
}

const action = (incident) => (incident.times.acted_at ? incident.playbook : "");

const overRow = (incident) => el("tr", {}, title(incident),
  el("td", { "data-label": "State" }, el("div", {}, state(incident), el("span", { class: "sub" }, words(incident.reason)))),
  cell("What", what(incident)), cell("Action", action(incident)),
  cell("MTTD", duration(incident.mttd_seconds), "number"), cell("MTTR", duration(incident.mttr_seconds), "number"),
  cell("Detected", when(incident.times.detected_at), "time"));

async function showLists() {
  const [open, over] = await Promise.all([ask("incidents?limit=200&state=" + OPEN.join()),
    ask("incidents?limit=" + view.wanted + "&state=" + OVER.join())]);
  const more = over.next_cursor && view.wanted < 1000
    ? el("button", { class: "more-button", type: "button", "data-more": "1" }, "Show more") : null;
  document.title = (open.incidents.length ? "(" + open.incidents.length + ") " : "") + "promheal";
  fill(byId("main"),
    el("h2", {}, "Open ", el("span", { class: "count" }, open.incidents.length + (open.next_cursor ? "+" : ""))),
    table([["Target"], ["State"], ["Why, or what it waits for"], ["Playbook"], ["Since"]], open.incidents.map(openRow),
      "Nothing is open."),
    el("h2", {}, "Recent"),
    table([["Target"], ["State"], ["What"], ["Healing action"], ["MTTD", "number"], ["MTTR", "number"], ["Detected"]],
      over.incidents.map(overRow), "No incident has ended yet."), ...(more ? [more] : []));
}

// ---- one incident

const fact = (name, content, kind) =>
  (content ? el("div", { class: kind || null }, el("dt", {}, name), el("dd", {}, content)) : null);

function facts(incident) {
  const times = incident.times;
  return el("dl", {}, fact("State", state(incident)), fact("What", what(incident)), fact("Playbook", incident.playbook),
    fact("Alert", incident.name), fact("Failed", when(times.failed_at)), fact("Detected", when(times.detected_at)),
    fact("Acted", when(times.acted_at)), fact("Verified", when(times.verified_at)), fact("Resolved", when(times.resolved_at)),
    fact("MTTD", duration(incident.mttd_seconds)), fact("MTTR", duration(incident.mttr_seconds)),
    fact("Asked for by", incident.requested_by), fact(isOver(incident) ? "How it ended" : "Why", incident.message, "wide"),
    fact("Plan", incident.plan_hash ? el("code", {}, incident.plan_hash) : null, "wide"));
}

/** What the user may do about it: [verb, what the button says, kind]. */
function choices(incident) {
  const may = (role) => view.you.roles.includes(role);
  const list = [];
  if (incident.state === "awaiting_approval" && may("approve"))
    list.push(["approve", "Approve this plan", "good"], ["reject", "Reject", "bad"]);
  if (!isOver(incident) && may("operate")) list.push(["cancel", "Cancel", "bad"]);
  if (AGAIN.includes(incident.state) && may("operate") && incident.target && incident.playbook) list.push(["retry", "Try again", ""]);
  return list;
}

function actions(incident) {
  const list = choices(incident);
  if (!list.length) return null;
  const buttons = list.map(([verb, label, kind]) => el("button", { type: "button", class: kind || null, "data-verb": verb,
    "data-incident": incident.id, "data-plan": incident.plan_hash }, label));
  return el("div", { class: "actions" },
    el("label", {}, "Reason", el("input", { id: "reason", maxlength: "300", autocomplete: "off" })), buttons);
}

async function act(button) {
  const verb = button.dataset.verb;
  const body = { reason: byId("reason").value };
  if (verb === "approve") body.plan_hash = button.dataset.plan;
  for (const other of document.querySelectorAll(".actions button")) other.disabled = true;
  try {
    await ask("incidents/" + encodeURIComponent(button.dataset.incident) + "/" + verb,
      { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    byId("reason").value = "";
    complain(null);
  } catch (error) {
    complain(new Error("not done: " + error.message));
  }
  for (const other of document.querySelectorAll(".actions button")) other.disabled = false;
  refresh();
}

const entryRow = (entry) => el("tr", {}, el("td", { class: "time" }, when(entry.at)),
  el("td", { class: "quiet kind" }, words(entry.kind)), el("td", {}, entry.message));

async function showIncident(id) {
  const place = "incidents/" + encodeURIComponent(id);
  const [story, told] = await Promise.all([ask(place), ask(place + "/explain")]);
  const incident = story.incident;
  const missing = story.timeline_total - story.timeline.length;
  document.title = (incident.target || incident.name) + " · promheal";
  // What is being typed outlives a refresh.
  const before = byId("reason");
  const [typed, hadFocus] = before ? [before.value, before === document.activeElement] : ["", false];
  fill(byId("main"), el("h2", {}, incident.target || incident.name, " ", el("span", { class: "count" }, incident.id)),
    el("div", { class: "sheet" }, ...[facts(incident), actions(incident)].filter(Boolean)),
    el("h2", {}, "What happened"),
    el("div", { class: "sheet" }, el("table", { class: "stack" },
      el("thead", {}, el("tr", {}, ["When", "What", "Story"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, story.timeline.map(entryRow)))),
    ...(missing > 0 ? [el("p", { class: "quiet" }, missing + " entries in the middle are not shown.")] : []),
    el("h2", {}, "Why"), el("div", { class: "sheet" }, el("pre", {}, told.text)));
  const after = byId("reason");
  if (after && after !== before) {
    after.value = typed;
    if (hadFocus) after.focus();
  }
}

// ---- all together

async function showGlance() {
  const [status, lever, pauses, breakers] = await Promise.all([ask("status"), ask("lever"), ask("pauses"), ask("breakers")]);
  // What the user may do decides about the buttons.
  const isNew = JSON.stringify(status.you) !== JSON.stringify(view.you);
  view.you = status.you;
  glance(status, lever, pauses.pauses, breakers.breakers);
  if (isNew) soon();
}

async function refresh() {
  if (view.isBusy) { view.isStale = true; return; }
  view.isBusy = true;
  const match = location.hash.match(/^#\/incidents\/([^/]+)$/);
  const main = async () => (match ? showIncident(decodeURIComponent(match[1])) : showLists());
  const failed = (await Promise.allSettled([main(), showGlance()])).find((part) => part.status === "rejected");
  if (failed) {
    complain(new Error("cannot show this: " + failed.reason.message));
  } else {
    byId("asof").textContent = "as of " + new Date().toLocaleTimeString([], { hour12: false });
    if (byId("trouble").textContent.startsWith("cannot")) complain(null);
  }
  view.isBusy = false;
  if (view.isStale) { view.isStale = false; soon(); }
}

/** Many entries of the journal at once make one refresh. */
function soon() {
  if (view.timer) return;
  view.timer = setTimeout(() => { view.timer = 0; refresh(); }, 400);
}

/** Follows the journal while the page is seen: a browser has few connections to one server, and all tabs share them. */
function follow() {
  if (view.events || document.hidden) return;
  const live = byId("live");
  const say = (text, kind) => { live.textContent = text; live.className = kind; };
  const events = new EventSource("api/v1/events");
  view.events = events;
  events.addEventListener("open", () => { say("live", "on"); soon(); });
  events.addEventListener("entry", soon);
  events.addEventListener("error", () => {
    say("not connected, trying again", "off");
    // It tries again by itself, except after an answer that is no stream: 503, 401, a proxy's page.
    if (events.readyState === EventSource.CLOSED && view.events === events) { unfollow(); setTimeout(follow, 5000); }
  });
}

function unfollow() {
  if (view.events) view.events.close();
  view.events = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return unfollow();
  follow();
  refresh();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && button.dataset.verb) act(button);
  if (button && button.dataset.more) { view.wanted = Math.min(view.wanted * 2, 1000); refresh(); }
});
window.addEventListener("hashchange", () => { complain(null); window.scrollTo(0, 0); refresh(); byId("main").focus(); });
setInterval(() => { if (!document.hidden) refresh(); }, 30000);
follow();
refresh();
