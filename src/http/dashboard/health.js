// The parts that this host depends on, each in a few words.

import { element } from "./dom.js";
import { clock, count, state, word } from "./words.js";

/** The cards for `status`. */
export function health(status) {
  return [libvirt(status), exabgp(status), ...neighbors(status), vms(status), routes(status)];
}

function card(title, value, ...details) {
  const lines = details.filter(Boolean).map((text) => element("p", { class: "detail", text, title: text }));
  return element("div", { class: "card" }, element("h3", { text: title }), element("p", { class: "value" }, value), lines);
}

function since(stamp) {
  return stamp && `since ${clock(stamp)}`;
}

function libvirt({ libvirt }) {
  const value = libvirt.connected ? word("connected", "good") : word("not connected", "bad");
  return card(`libvirt ${libvirt.version ?? ""}`, value, libvirt.error ?? since(libvirt.since), libvirt.uri);
}

function exabgp({ exabgp }) {
  const value = exabgp.connected ? word("answers", "good") : word("does not answer", "bad");
  const repaired = exabgp.contradictions > 0 && `${count(exabgp.contradictions, "change")} by others put right`;
  const details = [exabgp.error ?? since(exabgp.since), repaired || `by ${exabgp.transport}`];
  return card(`ExaBGP ${exabgp.version ?? ""}`, value, ...details);
}

/** At most a few cards; more sessions are summed up. */
function neighbors({ exabgp: { neighbors } }) {
  if (neighbors.length <= 3) {
    return neighbors.map((one) =>
      card(`BGP ${one.address}`, state(one.state), since(one.since), `AS ${one.asn}`));
  }
  const up = neighbors.filter((one) => one.state === "up").length;
  const value = word(`${up} of ${neighbors.length} up`, up === neighbors.length ? "good" : "bad");
  return [card("BGP sessions", value)];
}

function vms({ counts: { vms } }) {
  const here = Object.entries(vms).filter(([presence, number]) => presence !== "absent" && number > 0);
  const all = Object.values(vms).reduce((sum, number) => sum + number, 0);
  const sum = here.reduce((sum, [, number]) => sum + number, 0);
  const details = here.map(([presence, number]) => `${number} ${presence}`).join(", ");
  return card("VMs here", element("span", { text: sum.toLocaleString("en") }), details, `of ${count(all, "VM")} known`);
}

function routes({ counts: { routes } }) {
  const others = Object.entries(routes).filter(([state, number]) => state !== "announced" && number > 0);
  const announced = element("span", { text: routes.announced.toLocaleString("en") });
  const rest = others.map(([state, number]) => `${number} ${state}`).join(", ");
  return card("Routes announced", announced, rest || "all as wanted");
}
