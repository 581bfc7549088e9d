// What needs attention first: everything that is wrong on this host, in the order of its weight.

import { count } from "./words.js";

/** How many of a kind are named; of more only the number is told. */
const NAMED = 8;

/** `[{kind: "error" | "warning", text, vm}]`, the worst first; pure. */
export function attention({ status, vms, strays }) {
  const found = [];
  const error = (text, vm = null) => found.push({ kind: "error", text, vm });
  const warning = (text, vm = null) => found.push({ kind: "warning", text, vm });

  for (const { part, reason } of status.not_ready) error(`Not ready, ${part.replaceAll("_", " ")}: ${reason}`);
  named(status.conflicts.open, "conflict", error, (conflict) => [conflictText(conflict), conflict.vm]);
  const routes = [...vms.values()].flatMap((vm) => vm.routes).concat(strays);
  const failed = routes.filter((route) => route.state === "failed");
  named(failed, "failed route", error, (route) => [`${route.prefix} has failed: ${route.error}`, route.vm]);
  for (const fault of status.config.errors) error(`The configuration on disk has a fault, what runs is kept: ${fault}`);
  for (const key of status.config.wait_for_restart) warning(`${key} in the configuration takes effect with a restart of roamd`);

  const { host_routes: host, exabgp, libvirt } = status;
  if (host.error !== null) error(`Host routes: ${host.error}`);
  const unplaced = routes.filter((route) => route.host_route?.state === "failed");
  named(unplaced, "failed host route", error, (route) =>
    [`The host route to ${route.prefix} has failed: ${route.host_route.error}`, route.vm]);
  named(host.conflicts, "host route of others", warning, (conflict) => [
    `Somebody else has a route to ${conflict.prefix} in table ${conflict.table} (protocol ${conflict.protocol})`, conflict.vm,
  ]);
  for (const text of host.warnings) warning(text);

  // Where the host is not ready for it, that is said above.
  const told = (part) => status.not_ready.some((reason) => reason.part === part);
  if (libvirt.error !== null && !told("libvirt")) warning(`libvirt: ${libvirt.error}`);
  if (exabgp.error !== null && !told("exabgp")) warning(`ExaBGP: ${exabgp.error}`);
  for (const { address, asn, state } of exabgp.neighbors) {
    if (state !== "up" && !told("neighbors")) warning(`The BGP session with ${address} (AS ${asn}) is ${state}`);
  }
  return found;
}

function named(items, one, add, tell) {
  for (const item of items.slice(0, NAMED)) add(...tell(item));
  if (items.length > NAMED) add(`and ${count(items.length - NAMED, `more ${one}`)}`);
}

function conflictText({ prefix, vm, neighbor, preference, marked_by: other }) {
  const by = other === null ? "somebody without roamd's mark" : `the host of AS ${other}, on ${preference},`;
  return `Split brain: ${vm} executes here, and ${by} announces ${prefix} to ${neighbor} as well`;
}
