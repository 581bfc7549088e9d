// How values read: times, spans, presences, states. Every colour has its word beside it.

import { element } from "./dom.js";

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DAY_AND_CLOCK = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** A point in time as `<time>`: the clock, with the day unless it is today. Nothing for null. */
export function time(stamp) {
  return stamp ? element("time", { datetime: stamp, title: stamp, text: clock(stamp) }) : null;
}

/** The same as text. */
export function clock(stamp) {
  const at = new Date(stamp);
  const today = at.toDateString() === new Date().toDateString();
  return (today ? CLOCK : DAY_AND_CLOCK).format(at);
}

/** Milliseconds in the unit that fits. */
export function span(ms) {
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

/** `1 route`, `2 routes` */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** A word with its mark: one that is fine, on its way, or wrong. */
export function word(text, kind) {
  return text ? element("span", { class: `word ${kind}`, text }) : null;
}

const PRESENCES = {
  arrived: "good", present: "good", incoming: "busy", frozen: "busy", departing: "busy", absent: "none",
};
const STATES = {
  announced: "good", placed: "good", up: "good", completed: "good", transit: "busy", pending: "busy", withdrawing: "busy",
  connected: "busy", running: "busy", failed: "bad", down: "bad",
};

/** A VM's presence. */
export function presence(text) {
  return word(text, PRESENCES[text] ?? "none");
}

/** A state of a route, a host route, a session or a migration. */
export function state(text) {
  return word(text, STATES[text] ?? "none");
}

/** What a VM's routes come to in a few words: the worst first. */
export function routesInWords(routes) {
  if (routes.length === 0) return "";
  const numbers = new Map();
  for (const route of routes) numbers.set(route.state, (numbers.get(route.state) ?? 0) + 1);
  return ["failed", "pending", "withdrawing", "announced"]
    .filter((name) => numbers.has(name))
    .map((name) => (numbers.size === 1 && routes.length === 1 ? name : `${numbers.get(name)} ${name}`))
    .join(", ");
}

/** A migration in a few words. */
export function migrationInWords(migration) {
  if (!migration) return "";
  return `${migration.direction === "in" ? "to here" : "away"}, ${migration.outcome}`;
}

/** A phase's name as words. */
export function phase(name) {
  return name.replaceAll("_", " ");
}
