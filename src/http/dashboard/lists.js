// The four lists: VMs, routes, migrations, events. Each is a table over the store, narrowed down by the search.

import { overlap, parse } from "./address.js";
import { element } from "./dom.js";
import { Table } from "./table.js";
import { migrationInWords, presence, routesInWords, span, state, time, word } from "./words.js";

/** Where a VM's page is. */
export function linkOf(name) {
  return `#/vm/${encodeURIComponent(name)}`;
}

function openVm(name) {
  if (name !== null) location.hash = linkOf(name);
}

const ORDER = ["arrived", "present", "incoming", "departing", "frozen", "absent"];

/** The lists by the name that stands in the address bar. */
export const LISTS = {
  vms: {
    title: "VMs",
    table: () => new Table({
      label: "VMs",
      key: (vm) => vm.name,
      open: (vm) => openVm(vm.name),
      empty: "No VM that is looked for.",
      sorted: { at: 1, down: false },
      columns: [
        { title: "VM", cell: (vm) => vmLink(vm.name), sort: (vm) => vm.name },
        { title: "Presence", cell: (vm) => presence(vm.presence), sort: (vm) => ORDER.indexOf(vm.presence) },
        { title: "Rung", cell: (vm) => vm.preference, sort: (vm) => vm.preference ?? "~" },
        { title: "Routes", cell: (vm) => routeWords(vm), sort: (vm) => routesInWords(vm.routes) || "~" },
        { title: "Addresses", cell: (vm) => addressWords(vm), sort: (vm) => vm.service_ips[0] ?? "~" },
        { title: "libvirt", cell: (vm) => [vm.state, vm.reason].filter(Boolean).join(", "), sort: (vm) => vm.state ?? "~" },
        { title: "Since", cell: (vm) => time(vm.since), sort: (vm) => vm.since ?? "~" },
        {
          title: "Last migration",
          cell: (vm) => migrationInWords(vm.last_migration),
          sort: (vm) => vm.last_migration?.started_at ?? "~",
        },
      ],
    }),
    all: (store) => [...store.vms.values()],
    here: (vm) => vm.presence !== "absent" || vm.routes.length > 0,
    texts: (vm) => [vm.name, vm.uuid ?? "", ...vm.service_ips],
    prefixes: (vm) => vm.service_ips,
  },
  routes: {
    title: "Routes",
    table: () => new Table({
      label: "Routes",
      key: (route) => route.prefix,
      open: (route) => openVm(route.vm),
      empty: "No route that is looked for.",
      sorted: { at: 0, down: false },
      columns: [
        { title: "Prefix", cell: (route) => route.prefix, sort: (route) => route.prefix },
        { title: "VM", cell: (route) => route.vm ?? "no VM", sort: (route) => route.vm ?? "~" },
        { title: "Rung", cell: (route) => route.preference, sort: (route) => route.preference },
        { title: "State", cell: (route) => state(route.state), sort: (route) => route.state },
        {
          title: "Host route",
          cell: (route) => state(route.host_route?.state),
          sort: (route) => route.host_route?.state ?? "~",
        },
        { title: "Next hop", cell: (route) => route.next_hop, sort: (route) => route.next_hop },
        { title: "Since", cell: (route) => time(route.since), sort: (route) => route.since },
        { title: "Error", cell: (route) => route.error ?? route.host_route?.error, sort: (route) => route.error ?? "~" },
      ],
    }),
    all: (store) => store.routes(),
    texts: (route) => [route.prefix, route.vm ?? "", route.error ?? ""],
    prefixes: (route) => [route.prefix],
  },
  migrations: {
    title: "Migrations",
    table: () => new Table({
      label: "Migrations",
      key: (migration) => migration.id,
      open: (migration) => openVm(migration.vm),
      empty: "No migration that is looked for.",
      columns: [
        { title: "VM", cell: (migration) => migration.vm },
        { title: "Direction", cell: (migration) => (migration.direction === "in" ? "to this host" : "away from it") },
        { title: "Outcome", cell: (migration) => state(migration.outcome) },
        { title: "Began", cell: (migration) => time(migration.started_at) },
        { title: "Took", cell: (migration) => took(migration) },
      ],
    }),
    all: (store) => store.migrations,
    texts: (migration) => [migration.vm, migration.outcome],
    prefixes: () => [],
  },
  events: {
    title: "Events",
    table: () => new Table({
      label: "Events",
      key: (event) => event.seq,
      open: (event) => openVm(event.vm),
      empty: "No event that is looked for.",
      columns: [
        { title: "When", cell: (event) => time(event.at) },
        { title: "Kind", cell: (event) => event.kind.replaceAll("_", " ") },
        { title: "What", cell: (event) => event.text },
      ],
    }),
    all: (store) => store.events,
    texts: (event) => [event.text, event.kind],
    prefixes: (event) => (event.prefix === null ? [] : [event.prefix]),
  },
};

/** Those that the search finds: by any part of a text, or by an address that is inside a prefix or the other way round. */
export function search(list, items, text) {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return items;
  const address = parse(wanted);
  return items.filter((item) => {
    if (list.texts(item).some((part) => part.toLowerCase().includes(wanted))) return true;
    return address !== null && list.prefixes(item).some((prefix) => overlap(parse(prefix), address));
  });
}

// The table is one stop of the Tab key, its links are none.
function vmLink(name) {
  return element("a", { href: linkOf(name), tabindex: -1, text: name });
}

function addressWords(vm) {
  return vm.managed ? vm.service_ips.join(", ") : "not managed";
}

function routeWords(vm) {
  const text = routesInWords(vm.routes);
  const kind = vm.routes.some((route) => route.state === "failed")
    ? "bad"
    : vm.routes.some((route) => route.state !== "announced") ? "busy" : "good";
  return word(text, kind);
}

/** From the first to the last phase. */
function took(migration) {
  const last = migration.phases.at(-1);
  return last ? span(last.after_ms) : "";
}
