// A VM's page: what is decided of it and why, its routes, its migrations, its events.

import { json, pathOf, Refused } from "./api.js";
import { element, refill } from "./dom.js";
import { timeline } from "./timeline.js";
import { clock, presence, routesInWords, state, time } from "./words.js";

/** How many migrations are drawn, and events told. */
const MIGRATIONS = 5;
const EVENTS = 30;

export class VmPage {
  constructor(name) {
    this.name = name;
    this.facts = element("dl", { class: "facts" });
    this.summary = element("p", { class: "summary" });
    this.chain = element("ol", { class: "chain" });
    this.routes = element("div");
    this.migrations = element("div");
    this.events = element("ol", { class: "events" });
    this.node = element("article", { class: "vm" },
      element("p", {}, element("a", { href: "#/vms", text: "← all VMs" })),
      element("h2", { id: "vm-name", tabindex: -1, text: name }),
      this.summary,
      this.facts,
      section("Migrations", this.migrations),
      section("Why", this.chain),
      section("Routes", this.routes),
      section("Events", this.events));
  }

  /** Shows what the store knows, and asks for the explanation. */
  show(store) {
    const vm = store.vms.get(this.name) ?? null;
    const migrations = store.migrations.filter((migration) => migration.vm === this.name).slice(0, MIGRATIONS);
    const prefixes = new Set(vm?.routes.map((route) => route.prefix));
    const events = store.events.filter((event) => event.vm === this.name || prefixes.has(event.prefix)).slice(0, EVENTS);
    const changed = [
      refill(this.facts, vm, facts),
      refill(this.routes, vm?.routes ?? [], (all) => [all.length > 0 ? routes(all) : note("None.")]),
      refill(this.migrations, migrations, (all) =>
        (all.length > 0 ? all.map(migrationBlock) : [note("None in this agent's life.")])),
      refill(this.events, events, (all) => all.map((event) => element("li", {}, time(event.at), ` ${event.text}`))),
    ];
    if (changed.includes(true)) this.#explain();
  }

  async #explain() {
    try {
      const { summary, chain } = await json(pathOf("explain", this.name));
      this.summary.replaceChildren(...marked(summary));
      this.chain.replaceChildren(...chain.map(step));
    } catch (error) {
      const text = error instanceof Refused ? error.message : "The host does not answer.";
      this.summary.replaceChildren();
      this.chain.replaceChildren(element("li", { text }));
    }
  }
}

function section(title, ...content) {
  return element("section", {}, element("h3", { text: title }), content);
}

function step({ step, text }) {
  return element("li", {},
    element("span", { class: "step", text: step.replaceAll("_", " ") }), element("span", {}, marked(text)));
}

/** What stands between backticks in a sentence are words of the configuration. */
function marked(text) {
  return text.split("`").map((part, at) => (at % 2 === 1 ? element("code", { text: part }) : part));
}

function note(text) {
  return element("p", { class: "note", text });
}

function facts(vm) {
  if (vm === null) return [note("This host knows no VM of this name.")];
  const pairs = [
    ["Presence", presence(vm.presence)],
    ["Rung", vm.preference ?? "none"],
    ["Routes", routesInWords(vm.routes) || "none"],
    ["libvirt", [vm.state, vm.reason].filter(Boolean).join(", ") || "not here"],
    ["Since", time(vm.since) ?? "never seen here"],
    ["Addresses", vm.service_ips.join(", ") || "none"],
    ["UUID", vm.uuid ?? "unknown"],
    ["Managed", vm.managed ? null : "no: nothing is announced for it"],
  ];
  return pairs.filter(([, value]) => value !== null).map(([term, value]) => element("div", {}, element("dt", { text: term }), element("dd", {}, value)));
}

function migrationBlock(migration) {
  const title = migration.direction === "in" ? "To this host" : "Away from this host";
  return element("figure", {},
    element("figcaption", {}, `${title}, ${clock(migration.started_at)}: `, state(migration.outcome)),
    timeline(migration));
}

const ATTRIBUTES = ["med", "local_preference", "as_path_prepend", "origin"];
const COMMUNITIES = ["communities", "large_communities", "extended_communities"];

function routes(all) {
  const titles = ["Prefix", "State", "Rung", "Next hop", "Attributes", "Confirmed", "Host route", "Error"];
  const head = element("tr", {}, titles.map((text) => element("th", { scope: "col", text })));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, all.map(routeRow)));
}

function routeRow(route) {
  const { attributes, host_route: host } = route;
  const words = ATTRIBUTES.map((name) => `${name.replaceAll("_", " ")} ${attributes[name]}`);
  const communities = COMMUNITIES.flatMap((name) => attributes[name]);
  return element("tr", {},
    element("th", { scope: "row", text: route.prefix }),
    element("td", {}, state(route.state), " since ", time(route.since)),
    element("td", { text: route.preference }),
    element("td", { text: route.next_hop }),
    element("td", { text: [...words, ...communities].join(", ") }),
    element("td", {}, time(route.confirmed_at) ?? "not reported"),
    element("td", {}, host === null ? "not roamd's" : [state(host.state), host.device ? ` by ${host.device}` : ""]),
    element("td", { text: route.error ?? host?.error ?? "" }));
}
