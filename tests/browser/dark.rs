//! In the dark and in the light.

use serde_json::{Value, json};

use crate::host::{Host, VMS};
use crate::page::Page;

/// Contrast of text with its ground as WCAG 2.2 has it, the least of all texts that are shown.
const LEAST_CONTRAST: &str = "
  const light = (color) => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!color.startsWith('rgba(0, 0, 0, 0')) return color;
    }
    return 'white';
  };
  let least = [Infinity, ''];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim() !== '');
    if (!own || !node.checkVisibility() || node.closest('.hidden, dialog, noscript, .skip, svg')) continue;
    const pair = [light(getComputedStyle(node).color), light(ground(node))].sort((one, other) => other - one);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (contrast < least[0]) least = [contrast, node.textContent];
  }
  return [...least, getComputedStyle(document.body).backgroundColor]";

#[test]
fn text_is_legible_in_the_dark_and_in_the_light() {
    let host = Host::start(&["web-1"], VMS);
    let page = Page::open(&host.agent.url());
    page.is_live();
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        page.browser.prefer(scheme);
        for hash in ["#/vms", "#/vm/web-1", "#/routes", "#/events"] {
            page.browser.script("location.hash = arguments[0]", &json!([hash]));
            page.until("it is there", |page| page.text_of("main").contains("web-1"));
            let Value::Array(found) = page.browser.script(LEAST_CONTRAST, &json!([])) else {
                panic!("a list")
            };
            let contrast = found[0].as_f64().expect("a number");
            // Level AA of WCAG 2.2, success criterion 1.4.3.
            assert!(contrast >= 4.5, "{scheme} {hash}: {found:?}");
            grounds.push(found[2].clone());
        }
    }
    assert_ne!(grounds.first(), grounds.last());
    page.has_nothing_to_complain_of();
}
