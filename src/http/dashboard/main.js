// The page: the store and the stream on one side, the views on the other, the address bar between them.

import { forgetToken, keepToken, token, TokenNeeded } from "./api.js";
import { attention } from "./attention.js";
import { byId, element, refill, say, setText } from "./dom.js";
import { health } from "./health.js";
import { linkOf, LISTS, search } from "./lists.js";
import { Store } from "./store.js";
import { follow } from "./stream.js";
import { VmPage } from "./vm.js";
import { clock, count } from "./words.js";

const store = new Store();
/** What `main` shows: `{list, table, filter}` or `{page}`. */
let view = null;
/** Whether VMs of the fleet that are not here are listed too. */
let elsewhere = false;
let lostAt = null;
/** How many things need attention; null before the first look. */
let needing = null;
let drawing = false;

function start() {
  window.addEventListener("hashchange", route);
  document.addEventListener("keydown", pressed);
  byId("search").addEventListener("input", redraw);
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    focusMain();
  });
  byId("token-form").addEventListener("submit", tokenGiven);
  store.addEventListener("change", redraw);
  store.addEventListener("event", redraw);
  store.addEventListener("failed", ({ detail }) => {
    if (detail instanceof TokenNeeded) askForToken();
  });
  route();
  begin();
}

/** The first look, then the stream behind it; again until the host answers. */
async function begin() {
  try {
    await store.load();
  } catch (error) {
    if (error instanceof TokenNeeded) askForToken();
    else {
      lost();
      setTimeout(begin, 2_000);
    }
    return;
  }
  follow({
    event: (name, event) => store.take(name, event),
    live: () => {
      // What happened meanwhile may be more than the stream still knows.
      if (lostAt !== null) store.touchAll();
      link("live", "good");
      if (lostAt !== null) say("Connected to the host again.");
      lostAt = null;
    },
    lost,
    tokenNeeded: askForToken,
  }, store.lastSeq);
}

function lost() {
  if (lostAt === null) {
    lostAt = new Date().toISOString();
    say("The connection to the host is lost. What is shown is old.");
  }
  const old = `no answer since ${clock(lostAt)}, what is shown is from then`;
  link(store.status === null ? "no answer, trying again" : old, "bad");
}

function link(text, kind) {
  setText(byId("link"), text);
  byId("link").className = `badge ${kind}`;
  document.body.classList.toggle("stale", kind === "bad");
}

function askForToken() {
  setText(byId("token-error"), token() === null ? "" : "The host does not accept this token.");
  forgetToken();
  const dialog = byId("token-dialog");
  if (!dialog.open) dialog.showModal();
}

function tokenGiven(event) {
  event.preventDefault();
  keepToken(byId("token").value.trim());
  byId("token").value = "";
  byId("token-dialog").close();
  // Everything anew: nothing that was known may stay with another token.
  location.reload();
}

/** Shows what the address bar says. */
function route() {
  const [, name, rest] = location.hash.split("/");
  if (name === "vm") {
    view = { page: new VmPage(decoded(rest ?? "")) };
    byId("main").replaceChildren(view.page.node);
    document.title = `${view.page.name} · roamd`;
  } else {
    const list = LISTS[name] ?? LISTS.vms;
    const table = list.table();
    view = { list, table };
    byId("main").replaceChildren(...(list.here ? [choice()] : []), table.node);
    document.title = `${list.title} · roamd`;
  }
  for (const anchor of document.querySelectorAll("nav a")) {
    const here = view.list === LISTS[anchor.hash.slice(2)] && view.list !== undefined;
    if (here) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  document.body.classList.toggle("one", view.page !== undefined);
  draw();
  if (store.status !== null) focusMain();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** This host's VMs, or the whole fleet's. */
function choice() {
  const box = element("input", {
    type: "checkbox", id: "elsewhere", checked: elsewhere, onchange: () => { elsewhere = box.checked; draw(); },
  });
  return element("p", { class: "choice" }, box, element("label", { for: "elsewhere", text: "also VMs that are not here" }),
    element("span", { id: "shown" }));
}

function focusMain() {
  (view.table?.body ?? byId("vm-name")).focus({ preventScroll: true });
}

/** Draws soon: many changes at once are one drawing. */
function redraw() {
  if (drawing) return;
  drawing = true;
  // A page in the background has no frames, and is drawn when it is seen again.
  requestAnimationFrame(draw);
}

function draw() {
  drawing = false;
  if (store.status === null) return;
  drawHead();
  if (view.page) view.page.show(store);
  else drawList();
}

function drawHead() {
  const { status } = store;
  setText(byId("host"), status.host);
  setText(byId("version"), `roamd ${status.version}, since ${clock(status.started_at)}`);
  setText(byId("ready"), status.ready ? "ready" : "not ready");
  byId("ready").className = `badge ${status.ready ? "good" : "bad"}`;
  // What changes with every event, and is not shown there, is left out.
  const { libvirt, exabgp, counts } = status;
  refill(byId("health"), { libvirt, exabgp, counts }, health);

  const found = attention(store);
  byId("attention").classList.toggle("calm", found.length === 0);
  if (refill(byId("attention-list"), found, (all) => all.map(attentionItem)) && found.length !== needing) {
    if (needing !== null) {
      say(found.length === 0 ? "Nothing needs attention." : `${count(found.length, "thing needs", "things need")} attention.`);
    }
    needing = found.length;
  }
}

function attentionItem({ kind, text, vm }) {
  const content = vm === null ? text : element("a", { href: linkOf(vm), text });
  return element("li", { class: kind }, element("strong", { text: kind }), " ", content);
}

function drawList() {
  const { list, table } = view;
  const all = list.all(store);
  const chosen = list.here && !elsewhere ? all.filter(list.here) : all;
  const text = byId("search").value;
  const shown = search(list, chosen, text);
  const more = list.here && !elsewhere && text !== "" ? search(list, all, text).length - shown.length : 0;
  table.show(shown);
  const words = `${count(shown.length, "row")}${more > 0 ? `, and ${more.toLocaleString("en")} not here` : ""}`;
  setText(byId("found"), words);
  if (byId("shown")) setText(byId("shown"), words);
}

function pressed(event) {
  const typing = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
  if (event.ctrlKey || event.metaKey || event.altKey || byId("token-dialog").open) return;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    byId("search").select();
    byId("search").focus();
  } else if (event.key === "Escape") {
    if (typing) byId("search").value = "";
    else if (view.page) location.hash = "#/vms";
    redraw();
    if (!view.page) focusMain();
  } else if (event.target === byId("search") && ["ArrowDown", "Enter"].includes(event.key)) {
    event.preventDefault();
    if (view.page) location.hash = "#/vms";
    else focusMain();
  }
}

start();
