// Elements. What comes from packets becomes text, never markup.

/** An element with attributes (`on…` = listener, `class`, `data-…`, …) and children (elements or text). */
export function element(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** The same, in SVG. */
export function svg(name, attributes = {}, ...children) {
  return furnish(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

// Control characters, and marks that change the direction of what follows: a name could look like another.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text from a packet on one line, with what is not seen written out: `\u202e`. */
export function visible(text) {
  return String(text).replace(UNSEEN, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same for text of several lines. */
export function visibleLines(text) {
  return String(text).replaceAll('\r\n', '\n').split('\n').map((line) => visible(line.replaceAll('\t', '    '))).join('\n');
}

export const number = (value) => Number(value).toLocaleString('en');

/** Bytes as people write them: `5.2 MB`. */
export function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Says something for a moment. */
export function toast(message) {
  const box = byId('toast');
  box.textContent = message;
  box.classList.add('shown');
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => box.classList.remove('shown'), 4000);
}

/** An endpoint of a conversation: `192.0.2.1:53`, `[2001:db8::1]:53`. */
export function endpoint(address, port) {
  if (!address) return '';
  if (port === null || port === undefined) return visible(address);
  return address.includes(':') ? `[${visible(address)}]:${port}` : `${visible(address)}:${port}`;
}
