// Elements, made by calls alone: what comes from libvirt or the configuration is text and stays text.

/**
 * An element with attributes and children. `text`: its text; `on…`: a listener; null and false: left out.
 * Children are elements, or anything else as text.
 */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same of SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") node.textContent = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Sets the text only where it differs, so that nothing is read out or selected anew for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const shown = new WeakMap();

/**
 * Fills `node` with what `make` makes of `value`, but only where that is another one than before: what has the focus or is
 * selected stays so. Whether it was.
 */
export function refill(node, value, make) {
  const text = JSON.stringify(value);
  if (shown.get(node) === text) return false;
  shown.set(node, text);
  node.replaceChildren(...make(value));
  return true;
}

/** Says something to users of a screen reader; meant for few things. */
export function say(text) {
  setText(byId("said"), text);
}
