// What this page knows of the host. Events say where to look; what is shown is always asked for, never guessed.
//
// A first list, then what events touch, one by one, or the whole list where they touch many. What has no event is found
// by the generation, which is looked at every few seconds.

import { json, pathOf, Refused } from "./api.js";

/** How many VMs are asked for one by one; beyond that the list is. */
const ONE_BY_ONE = 40;
/** How long a second round waits after a first: a storm of events is one round. */
const ROUND_MS = 200;
/** How long the next whole list waits after one. */
const LIST_MS = 2_000;
/** How often the status is looked at without an event. */
const LOOK_MS = 10_000;
/** How many events are kept. */
const EVENTS = 1_000;

export class Store extends EventTarget {
  status = null;
  vms = new Map();
  /** Routes of no VM, which were found in ExaBGP. */
  strays = [];
  migrations = [];
  /** Newest first. */
  events = [];
  lastSeq = 0;

  #touched = new Set();
  #all = false;
  #round = null;
  #listedAt = -Infinity;
  #generation = 0;
  /** Events have passed that the stream did not tell. */
  #missed = true;

  /** The first look. */
  async load() {
    await this.#list();
    setInterval(() => this.#look().catch((error) => this.#failed(error)), LOOK_MS);
  }

  /** An event of the stream. */
  take(name, event) {
    if (name === "hello") return this.#hello(event);
    if (name === "reset") return this.#miss();
    if (event.seq > this.lastSeq) {
      this.lastSeq = event.seq;
      this.events.unshift(event);
      this.events.length = Math.min(this.events.length, EVENTS);
    }
    if (event.kind === "bulk") this.#all = true;
    else if (event.vm !== null) this.#touched.add(event.vm);
    else if (event.prefix !== null) this.#all ||= !this.#touchOwner(event.prefix);
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
    this.#begin();
  }

  /** Everything may have changed. */
  touchAll() {
    this.#all = true;
    this.#begin();
  }

  /** Every route with its VM's name, those of no VM among them. */
  routes() {
    return [...this.vms.values()].flatMap((vm) => vm.routes).concat(this.strays);
  }

  #hello({ agent_started_at }) {
    if (this.status !== null && this.status.started_at !== agent_started_at) {
      // Another life of the agent: its numbers began anew.
      this.events = [];
      this.lastSeq = 0;
      this.#miss();
    }
  }

  #miss() {
    this.#missed = true;
    this.touchAll();
  }

  #touchOwner(prefix) {
    for (const vm of this.vms.values()) {
      if (vm.routes.some((route) => route.prefix === prefix)) {
        this.#touched.add(vm.name);
        return true;
      }
    }
    return false;
  }

  /** Begins a round at once, unless one is under way or has just been: then that one is followed by another. */
  #begin() {
    this.#round ??= this.#rounds()
      .catch((error) => this.#failed(error))
      .finally(() => {
        this.#round = null;
        // Touched since the last look at it.
        if (this.#all || this.#touched.size > 0) this.#begin();
      });
  }

  async #rounds() {
    while (this.#all || this.#touched.size > 0) {
      if (this.#all || this.#touched.size > ONE_BY_ONE) {
        await pause(this.#listedAt + LIST_MS - performance.now());
        await this.#list();
      } else {
        const names = [...this.#touched];
        this.#touched.clear();
        await Promise.all([this.#state(), ...names.map((name) => this.#one(name))]);
        this.#generation = this.status.generation;
        this.#changed();
      }
      await pause(ROUND_MS);
    }
  }

  async #one(name) {
    try {
      const vm = await json(pathOf("vms", name));
      this.vms.set(name, vm);
      this.#keepMigration(vm.last_migration);
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 404) throw error;
      this.vms.delete(name);
    }
  }

  /** A migration that has begun, or has gone on; the list of all of them is too long to be asked for each time. */
  #keepMigration(migration) {
    if (migration === null) return;
    const at = this.migrations.findIndex(({ id }) => id === migration.id);
    if (at >= 0) this.migrations[at] = migration;
    else this.migrations.unshift(migration);
  }

  async #list() {
    this.#all = false;
    this.#touched.clear();
    this.#listedAt = performance.now();
    // First: what happens from here on is told by the stream.
    if (this.#missed) await this.#listEvents();
    const lists = [json("/api/v1/vms"), json("/api/v1/migrations"), this.#state()];
    const [{ vms, generation }, { migrations }] = await Promise.all(lists);
    this.vms = new Map(vms.map((vm) => [vm.name, vm]));
    this.migrations = migrations;
    this.#generation = generation;
    await this.#findStrays();
    this.#changed();
  }

  async #listEvents() {
    const { events, last_seq: lastSeq } = await json(`/api/v1/events?limit=${EVENTS}`);
    Object.assign(this, { events: events.reverse(), lastSeq });
    this.#missed = false;
  }

  async #state() {
    this.status = await json("/api/v1/status");
  }

  /** The list of routes is as long as that of VMs, and hardly ever has more in it. */
  async #findStrays() {
    const all = Object.values(this.status.counts.routes).reduce((sum, number) => sum + number, 0);
    const known = [...this.vms.values()].reduce((sum, vm) => sum + vm.routes.length, 0);
    this.strays =
      all === known ? [] : (await json("/api/v1/routes")).routes.filter((route) => route.vm === null);
  }

  /** Finds what no event told. */
  async #look() {
    if (document.hidden || this.#round !== null) return;
    await this.#state();
    if (this.status.generation !== this.#generation) this.touchAll();
    else this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #failed(error) {
    // What was touched is lost with the round; the stream's return, or the next look, makes up for it.
    this.#all = false;
    this.#touched.clear();
    this.dispatchEvent(new CustomEvent("failed", { detail: error }));
  }
}

function pause(ms) {
  return ms > 0 ? new Promise((resume) => setTimeout(resume, ms)) : Promise.resolve();
}
