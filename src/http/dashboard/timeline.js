// A migration drawn as a timeline: each phase a line, its bar from the phase before it to its own moment.
//
// Microseconds stand beside seconds here, so the axis is stretched where much happens: a bar's length grows with the
// logarithm of its span, and the numbers stand beside it.

import { svg } from "./dom.js";
import { phase, span } from "./words.js";

const LINE = 22;
const NAMES = 170;
const TRACK = 420;
const NUMBERS = 190;

/** The drawing; its label tells a screen reader the same. */
export function timeline(migration) {
  const steps = stepsOf(migration.phases);
  const height = steps.length * LINE + 4;
  const label = steps.map((step) => `${phase(step.name)} after ${span(step.after_ms)}`).join(", ");
  const scale = TRACK / Math.max(1, steps.reduce((sum, step) => sum + step.weight, 0));
  let x = NAMES;
  const lines = steps.map((step, at) => {
    const [begin, width] = [x, step.weight * scale];
    x += width;
    return line(step, at, begin, width);
  });
  return svg("svg", {
    class: `timeline ${migration.outcome}`, role: "img", "aria-label": label,
    viewBox: `0 0 ${NAMES + TRACK + NUMBERS} ${height}`,
  }, lines);
}

/** Each phase with its span since the one before it, and what that weighs on the axis. */
function stepsOf(phases) {
  const inTime = [...phases].sort((one, other) => one.after_ms - other.after_ms);
  return inTime.map((one, at) => {
    const since = at === 0 ? 0 : one.after_ms - inTime[at - 1].after_ms;
    return { ...one, since, weight: at === 0 ? 0 : 0.4 + Math.log10(1 + since) };
  });
}

function line(step, at, begin, width) {
  const middle = at * LINE + LINE / 2 + 2;
  const end = begin + width;
  const numbers = at === 0 ? "0" : `${span(step.after_ms)}  (+${span(step.since)})`;
  return svg("g", {},
    svg("line", { class: "track", x1: NAMES, x2: NAMES + TRACK, y1: middle, y2: middle }),
    svg("text", { class: "name", x: NAMES - 14, y: middle, text: phase(step.name) }),
    svg("rect", { class: "bar", x: begin, y: middle - 3, width: Math.max(width, 0.5), height: 6 }),
    svg("circle", { class: "moment", cx: end, cy: middle, r: 4.5 }),
    svg("text", { class: "number", x: NAMES + TRACK + 14, y: middle, text: numbers }));
}
