// The bytes of a packet: offsets, hexadecimal digits, ASCII.
import { element } from '/dom.js';
import { rowWindow } from '/window.js';

const hex = (value, digits) => value.toString(16).padStart(digits, '0');

export function decode(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** The view; `chosen(index)` hears of a byte that somebody goes to, `pointed(index)` of one under the mouse. */
export function bytesView(bytes, { chosen, pointed }) {
  const body = element('div', { class: 'rows' });
  const scroller = element('div', {
    class: 'hex', tabindex: 0, role: 'group', 'aria-label': `${bytes.length} bytes; arrow keys go from byte to byte`,
  }, body);
  const digits = bytes.length > 0xffff ? 6 : 4;
  let wide = 16;
  let marked = [0, 0];
  let hovered = [0, 0];
  let cursor = -1;
  const list = rowWindow(scroller, body, { row, height: () => parseFloat(getComputedStyle(scroller).lineHeight) || 18 });

  function style(index) {
    const inside = ([start, end]) => index >= start && index < end;
    return [index === cursor && 'cursor', inside(marked) && 'marked', inside(hovered) && 'hovered'].filter(Boolean).join(' ');
  }

  function row(line) {
    const start = line * wide;
    const digitsOf = element('span', { class: 'digits' });
    const letters = element('span', { class: 'letters' });
    for (let index = start; index < Math.min(bytes.length, start + wide); index += 1) {
      const value = bytes[index];
      const attributes = { 'data-byte': index, class: style(index) || null };
      digitsOf.append(element('span', attributes, `${hex(value, 2)} `));
      if (index - start === 7 && wide > 8) digitsOf.append(' ');
      letters.append(element('span', attributes, value >= 0x20 && value < 0x7f ? String.fromCharCode(value) : '·'));
    }
    return element('div', { class: 'line' }, element('span', { class: 'offset' }, hex(start, digits)), digitsOf, letters);
  }

  const byteOf = (event) => {
    const at = event.target.closest?.('[data-byte]');
    return at ? Number(at.dataset.byte) : -1;
  };
  scroller.addEventListener('click', (event) => {
    if (byteOf(event) >= 0 && getSelection().isCollapsed) go(byteOf(event));
  });
  scroller.addEventListener('pointerover', (event) => {
    if (event.pointerType === 'mouse') pointed(byteOf(event));
  });
  scroller.addEventListener('pointerleave', () => pointed(-1));
  scroller.addEventListener('keydown', (event) => {
    const page = list.rows() * wide;
    const moves = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide, PageDown: page, PageUp: -page, Home: -bytes.length, End: bytes.length,
    };
    if (!(event.key in moves) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(Math.min(bytes.length - 1, Math.max(0, cursor + moves[event.key])));
  });

  function go(index) {
    if (index < 0) return;
    cursor = index;
    chosen(index);
    list.reveal(Math.floor(index / wide));
  }

  new ResizeObserver(() => {
    wide = scroller.clientWidth < 500 ? 8 : 16;
    list.resize(Math.ceil(bytes.length / wide));
    list.redraw();
  }).observe(scroller);

  return {
    element: scroller,
    /** Marks a stretch and brings it into sight. */
    mark(start, length) {
      marked = [start, start + length];
      if (cursor < start || cursor >= start + length) cursor = -1;
      if (length > 0) list.reveal(Math.floor(start / wide));
      list.redraw();
    },
    hover(start, length) {
      hovered = [start, start + length];
      list.redraw();
    },
  };
}
