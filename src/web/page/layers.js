// The layers of a packet as a tree, in the keyboard manners of the ARIA tree pattern.
import { element, visible } from '/dom.js';

/** The tree; `chosen(start, length)` and `pointed(start, length)` hear of stretches of bytes. */
export function layersView(layers, { chosen, pointed }) {
  const items = [];
  const tree = element('ul', { role: 'tree', class: 'tree', 'aria-label': 'Layers' }, ...layers.map((layer, index) => {
    const fields = layer.fields.map((field) => item('field', field.name, field.value, field, layer));
    const group = element('ul', { role: 'group' }, ...fields);
    const top = item('layer', layer.name, layer.summary, layer, null, fields.length ? group : null);
    if (fields.length) expand(top, index >= layers.length - 2);
    return top;
  }));
  items.sort((left, right) => left.node.compareDocumentPosition(right.node) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);
  if (items.length) items[0].node.tabIndex = 0;

  function item(kind, name, value, place, layer, group = null) {
    const node = element('li', { role: 'treeitem', class: kind, tabindex: -1, 'aria-selected': 'false' },
      element('div', { class: 'label' },
        element('span', { class: 'name' }, visible(name)),
        value === null || value === undefined || value === '' ? null : element('span', { class: 'value' }, visible(value))), group);
    const own = Number.isInteger(place.start);
    // A field without a place of its own shows that of its layer.
    const { start = null, length = 0 } = own ? place : layer ?? {};
    items.push({ node, start, length, layer, own });
    return node;
  }

  const of = (node) => items.find((one) => one.node === node);
  const parent = (node) => node.parentElement.closest('[role=treeitem]');

  function expand(node, open) {
    node.setAttribute('aria-expanded', String(open));
  }

  function choose(node, focus = true) {
    for (const one of items) {
      one.node.tabIndex = one.node === node ? 0 : -1;
      one.node.setAttribute('aria-selected', String(one.node === node));
    }
    if (parent(node)) expand(parent(node), true);
    if (focus) node.focus();
    node.scrollIntoView({ block: 'nearest' });
    const { start, length } = of(node);
    if (focus) chosen(start ?? 0, start === null ? 0 : length);
  }

  tree.addEventListener('click', (event) => {
    const label = event.target.closest('.label');
    if (!label || !getSelection().isCollapsed) return;
    const node = label.parentElement;
    if (node.hasAttribute('aria-expanded')) expand(node, node.getAttribute('aria-expanded') !== 'true');
    choose(node);
  });
  tree.addEventListener('pointerover', (event) => {
    const node = event.target.closest('[role=treeitem]');
    const { start, length } = node ? of(node) : {};
    if (event.pointerType === 'mouse') pointed(start ?? 0, start === null || start === undefined ? 0 : length);
  });
  tree.addEventListener('pointerleave', () => pointed(0, 0));
  tree.addEventListener('keydown', (event) => {
    const node = event.target.closest('[role=treeitem]');
    if (!node || event.altKey || event.ctrlKey || event.metaKey) return;
    const seen = items.map((one) => one.node).filter((one) => !parent(one) || parent(one).getAttribute('aria-expanded') === 'true');
    const index = seen.indexOf(node);
    const open = node.getAttribute('aria-expanded');
    const to = {
      ArrowDown: seen[index + 1], ArrowUp: seen[index - 1], Home: seen[0], End: seen.at(-1),
      ArrowLeft: open === 'true' ? null : parent(node), ArrowRight: open === 'true' ? seen[index + 1] : null,
    }[event.key];
    if (to === undefined && !['Enter', ' '].includes(event.key)) return;
    event.preventDefault();
    if (to) choose(to);
    else if (event.key === 'ArrowRight' && open) expand(node, true);
    else if (event.key === 'ArrowLeft' && open) expand(node, false);
    else if (open !== null && ['Enter', ' '].includes(event.key)) expand(node, open !== 'true');
  });

  // The smallest stretch with this byte; a layer only where none of its fields has it.
  function holder(byte) {
    const holders = items.filter(({ own, start, length }) => own && byte >= start && byte < start + length);
    const depth = ({ layer }) => (layer ? 1 : 0);
    return holders.sort((left, right) => depth(right) - depth(left) || left.length - right.length)[0] ?? null;
  }

  return {
    element: tree,
    /** What the byte belongs to: its stretch and its names; null when nothing claims it. */
    at(byte) {
      const found = holder(byte);
      if (!found) return null;
      const names = [found.layer?.name, found.node.querySelector('.name').textContent].filter(Boolean);
      return { start: found.start, length: found.length, name: names.map(visible).join(' › ') };
    },
    /** Selects what the byte belongs to. */
    show(byte) {
      const found = holder(byte);
      if (found) choose(found.node, false);
    },
  };
}
