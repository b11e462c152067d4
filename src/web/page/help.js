// The keyboard, and what says what it does.
import { byId, element } from '/dom.js';

const LANGUAGE = [
  ['host 192.0.2.1', 'an address, in either direction; net 10.0.0.0/8'],
  ['src host 192.0.2.1 and not dst port 53', 'directions; and, or, not, ( )'],
  ['tcp port 443', 'protocols and ports; portrange 6000-6100'],
  ['network.protocol:dns', 'what the payload is: dns, http, tls, ssh …'],
  ['tls.client.server_name:*.example.com', 'any other stored field'],
  ['"password"', 'text in the bytes; /regex/i; hex:0d0a'],
  ['tcp[tcpflags] & tcp-syn != 0', 'bytes, as in tcpdump'],
];

const dialog = byId('help');
let shortcuts = [];

const enabled = () => localStorage.getItem('keys') !== 'off';

/** `list` holds `[keys, meaning, action]`; keys are separated by blanks. */
export function start(list) {
  shortcuts = list;
  document.addEventListener('keydown', pressed);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const typing = event.target.closest('input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea, select');
  if (typing || document.querySelector('dialog[open], :popover-open')) return;
  const found = shortcuts.find(([keys]) => keys.split(' ').includes(event.key));
  if (!found || (event.key.length === 1 && !enabled())) return;
  event.preventDefault();
  found[2]();
}

export function open() {
  const keys = element('dl', { class: 'keys' }, ...shortcuts.flatMap(([names, meaning]) => [
    element('dt', {}, ...names.split(' ').map((name) => element('kbd', {}, name))), element('dd', {}, meaning)]),
  ...[['↑ ↓ Enter', 'in the table: select, open'],
    ['← →', 'in the layers: close, open'],
    ['Tab', 'in the query: complete']].flatMap(([names, meaning]) => [
    element('dt', {}, ...names.split(' ').map((name) => element('kbd', {}, name))), element('dd', {}, meaning)]));
  const toggle = element('input', {
    type: 'checkbox', checked: enabled(), onchange: (event) => localStorage.setItem('keys', event.target.checked ? 'on' : 'off'),
  });
  dialog.replaceChildren(
    element('h2', { id: 'help-title' }, 'Keyboard'), keys,
    element('label', { class: 'choice' }, toggle, element('span', {}, 'Single letters are shortcuts')),
    element('h2', {}, 'Query'),
    element('p', { class: 'muted' }, 'tcpdump’s language, stored fields and payload text; the same as ', element('code', {}, 'fetch -f'), '.'),
    element('dl', { class: 'language' }, ...LANGUAGE.flatMap(([text, meaning]) => [
      element('dt', {}, element('code', {}, text)), element('dd', {}, meaning)])),
    element('p', { class: 'muted' }, 'The HTTP API is described in ', element('a', { href: '/api/v1/openapi.json' }, 'openapi.json'), '.'),
    element('div', { class: 'buttons' }, element('button', { type: 'button', class: 'primary', onclick: () => dialog.close() }, 'Close')));
  dialog.showModal();
}
