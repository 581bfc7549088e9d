// A table of any length, of which only the rows in sight are elements. A grid for screen readers: the arrow keys move
// through its rows, Enter opens one.

import { element, setText } from "./dom.js";

/** As `--row` in the style sheet. */
const ROW_PX = 28;
/** Rows above and below those in sight, for a quick turn of the wheel. */
const SPARE = 12;

/**
 * `columns`: `{title, cell(item), sort(item)?, wide?}`, where a cell is an element, text or null, and `sort` gives what is
 * compared. `open(item)`: what Enter and a click do; `key(item)`: what stays the same of an item.
 */
export class Table {
  constructor({ label, columns, key, open = null, empty, sorted = null }) {
    Object.assign(this, { columns, key, open, items: [], active: 0, sorted });
    this.id = `table-${label.replace(/\W/g, "")}`;
    this.headings = columns.map((column, at) => this.#heading(column, at));
    const head = element("div", { class: "row head", role: "row", "aria-rowindex": 1 }, this.headings);
    this.rows = element("div", { class: "rows", role: "rowgroup" });
    this.empty = element("p", { class: "note", hidden: true, text: empty });
    this.body = element("div", {
      class: "scroll", role: "grid", tabindex: 0, "aria-label": label, onkeydown: (event) => this.#pressed(event),
      onscroll: () => this.#draw(), onfocus: () => this.#mark(),
    }, element("div", { role: "rowgroup" }, head), this.rows);
    this.node = element("div", { class: "table" }, this.body, this.empty);
    this.drawn = new Map();
    new ResizeObserver(() => this.#draw()).observe(this.body);
  }

  /** Shows these items; the row that was active stays so. */
  show(items) {
    const before = this.items[this.active];
    this.items = this.sorted === null ? items : this.#inOrder(items);
    const kept = before === undefined ? 0 : this.items.findIndex((item) => this.key(item) === this.key(before));
    this.active = Math.max(0, kept >= 0 ? kept : Math.min(this.active, this.items.length - 1));
    this.body.setAttribute("aria-rowcount", this.items.length + 1);
    this.rows.style.height = `${this.items.length * ROW_PX}px`;
    this.empty.hidden = items.length > 0;
    this.#draw();
  }

  #heading(column, at) {
    if (!column.sort) return element("div", { role: "columnheader", class: "cell", text: column.title });
    const sort = () => {
      this.sorted = { at, down: this.sorted?.at === at && !this.sorted.down };
      this.show(this.items);
    };
    const button = element("button", { type: "button", text: column.title, onclick: sort });
    return element("div", { role: "columnheader", class: "cell", "aria-sort": "none" }, button);
  }

  #inOrder(items) {
    const { at, down } = this.sorted;
    this.headings.forEach((heading, column) => {
      if (!this.columns[column].sort) return;
      const order = column !== at ? "none" : down ? "descending" : "ascending";
      heading.setAttribute("aria-sort", order);
    });
    const keys = new Map(items.map((item) => [item, this.columns[at].sort(item)]));
    const sign = down ? -1 : 1;
    return [...items].sort((one, other) => sign * compare(keys.get(one), keys.get(other)));
  }

  /** Makes the rows in sight, and takes away the others. */
  #draw() {
    const first = Math.max(0, Math.floor(this.body.scrollTop / ROW_PX) - SPARE);
    const last = Math.min(this.items.length, first + Math.ceil(this.body.clientHeight / ROW_PX) + 2 * SPARE);
    const wanted = new Map();
    for (let at = first; at < last; at += 1) wanted.set(this.key(this.items[at]), at);
    for (const [key, row] of this.drawn) {
      if (wanted.has(key)) continue;
      row.node.remove();
      this.drawn.delete(key);
    }
    for (const [key, at] of wanted) {
      let row = this.drawn.get(key);
      if (row === undefined) {
        row = this.#row();
        this.drawn.set(key, row);
        this.rows.append(row.node);
      }
      this.#fill(row, this.items[at], at);
    }
    this.#mark();
  }

  #row() {
    const cells = this.columns.map(() => element("div", { role: "gridcell", class: "cell" }));
    return { node: element("div", { class: "row", role: "row" }, cells), cells, item: null, at: -1 };
  }

  #fill(row, item, at) {
    if (row.at !== at) {
      row.at = at;
      row.node.id = `${this.id}-${at}`;
      row.node.setAttribute("aria-rowindex", at + 2);
      row.node.style.transform = `translateY(${at * ROW_PX}px)`;
      row.node.onclick = () => {
        this.active = at;
        this.#mark();
        this.open?.(item);
      };
    }
    if (row.item === item) return;
    row.item = item;
    this.columns.forEach(({ cell }, column) => {
      const content = cell(item) ?? "";
      const node = row.cells[column];
      if (content instanceof Node) node.replaceChildren(content);
      else setText(node, content);
      node.title = node.textContent;
    });
  }

  #mark() {
    for (const { node, at } of this.drawn.values()) {
      const active = at === this.active;
      node.classList.toggle("active", active);
      node.setAttribute("aria-selected", active);
      if (active) this.body.setAttribute("aria-activedescendant", node.id);
    }
  }

  #pressed(event) {
    if (event.target !== this.body || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.body.clientHeight / ROW_PX) - 2);
    const moves = {
      ArrowDown: this.active + 1, ArrowUp: this.active - 1, PageDown: this.active + page, PageUp: this.active - page,
      Home: 0, End: this.items.length - 1,
    };
    if (event.key in moves) this.#goTo(moves[event.key]);
    else if (event.key === "Enter" && this.items[this.active]) this.open?.(this.items[this.active]);
    else return;
    event.preventDefault();
  }

  #goTo(at) {
    this.active = Math.max(0, Math.min(at, this.items.length - 1));
    const top = this.active * ROW_PX;
    // The heading covers the first row's height.
    const height = this.body.clientHeight - 2 * ROW_PX;
    if (top < this.body.scrollTop) this.body.scrollTop = top;
    else if (top > this.body.scrollTop + height) this.body.scrollTop = top - height;
    this.#draw();
  }
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}
