// One packet: its layers beside its bytes, its stored fields, its conversation.
import { get, newest } from '/api.js';
import { bytesView, decode } from '/bytes.js';
import * as conversation from '/conversation.js';
import { byId, element, endpoint, number, visible } from '/dom.js';
import { layersView } from '/layers.js';
import { colour } from '/protocols.js';
import { change, state } from '/state.js';
import * as terms from '/terms.js';
import { show, zoneName } from '/time.js';

const detail = byId('detail');
const TABS = [['layers', 'Layers'], ['fields', 'Fields'], ['conversation', 'Conversation']];
let tab = 'layers';
let answer = null;

/** Loads and draws what the state says is open. */
export const load = newest(async (signal) => {
  const open = Boolean(state.packet || state.community_id);
  detail.classList.toggle('open', open);
  document.body.classList.toggle('with-detail', open);
  if (!open) {
    answer = null;
    detail.replaceChildren(element('p', { class: 'muted blank' }, 'Choose a packet to see its layers and bytes.'));
    return;
  }
  if (state.packet && answer?.packet.id !== state.packet) {
    detail.setAttribute('aria-busy', 'true');
    try {
      answer = await get(`packets/${encodeURIComponent(state.packet)}`, { since: state.at, until: state.at }, signal);
    } catch (error) {
      if (!signal.aborted) failed(error);
      throw error;
    } finally {
      if (!signal.aborted) detail.removeAttribute('aria-busy');
    }
  }
  if (!state.packet) answer = null;
  draw();
});

function failed(error) {
  answer = null;
  detail.replaceChildren(bar('Packet'), element('p', { class: 'fault blank' }, visible(error.message)),
    error.hint ? element('p', { class: 'muted blank' }, visible(error.hint)) : '');
}

export function close() {
  change({ packet: '', at: '', community_id: '' });
  byId('grid').focus();
}

export function draw() {
  if (!state.packet && !state.community_id) return;
  const chosen = state.community_id ? 'conversation' : tab === 'conversation' ? 'layers' : tab;
  const offered = TABS.filter(([name]) => (name === 'conversation' ? state.community_id || answer?.packet.community_id : answer));
  const tabs = element('div', { role: 'tablist', class: 'tabs', 'aria-label': 'Packet', onkeydown: turn }, ...offered.map(([name, title]) => element('button', {
    type: 'button', role: 'tab', id: `tab-${name}`, 'aria-selected': String(name === chosen), 'aria-controls': 'tab-panel',
    tabindex: name === chosen ? 0 : -1, onclick: () => choose(name),
  }, title)));
  const panel = element('div', { role: 'tabpanel', id: 'tab-panel', class: `panel ${chosen}`, 'aria-labelledby': `tab-${chosen}` });
  detail.replaceChildren(bar(title()), tabs, panel);
  if (chosen === 'conversation') conversation.show(panel);
  else if (chosen === 'fields') panel.append(fieldList(answer.fields));
  else drawLayers(panel);
}

/** Another tab; the conversation is part of the URL. */
export function choose(name) {
  if (!answer && !state.community_id) return;
  tab = name;
  if (!change({ community_id: name === 'conversation' ? (state.community_id || answer?.packet.community_id || '') : '' })) draw();
  byId(`tab-${name}`)?.focus();
}

function turn(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const all = [...event.currentTarget.children];
  const to = all[(all.indexOf(event.target) + step + all.length) % all.length];
  event.preventDefault();
  to.click();
}

function title() {
  if (!answer) return 'Conversation';
  const { packet } = answer;
  return [element('span', { class: `key ${colour(packet.protocol)}` }, visible(packet.protocol ?? 'packet')), ' ',
    endpoint(packet.source, packet.source_port), ' → ', endpoint(packet.destination, packet.destination_port)];
}

function bar(heading) {
  return element('header', { class: 'detail-bar' },
    element('h2', {}, ...[heading].flat()),
    element('button', { type: 'button', class: 'quiet', title: 'Close (Escape)', 'aria-label': 'Close', onclick: close }, '✕'));
}

function drawLayers(panel) {
  const { packet, layers } = answer;
  const bytes = decode(answer.data);
  const facts = element('dl', { class: 'facts' }, ...[
    ['Time', `${show(packet.timestamp, state.zone)} ${zoneName(state.zone)}`],
    ['Frame', `${number(packet.frame)} of ${packet.file}`],
    ['Length', packet.captured_length === packet.length ? `${number(packet.length)} bytes`
      : `${number(packet.length)} bytes, ${number(packet.captured_length)} captured`],
  ].flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, visible(value))]));
  const place = element('p', { class: 'place', 'aria-live': 'polite' }, `${number(bytes.length)} bytes`);
  const say = (start, length, name) => {
    const count = length === 1 ? '1 byte' : `${number(length)} bytes`;
    place.textContent = length > 0 ? `${count} at 0x${start.toString(16).padStart(4, '0')}${name ? ` · ${name}` : ''}` : 'not in the bytes';
  };
  const tree = layersView(layers, {
    chosen(start, length) {
      view.mark(start, length);
      say(start, length, length > 0 ? tree.at(start)?.name : '');
    },
    pointed: (start, length) => view.hover(start, length),
  });
  const view = bytesView(bytes, {
    chosen(index) {
      const found = tree.at(index) ?? { start: index, length: 1, name: '' };
      tree.show(index);
      view.mark(found.start, found.length);
      say(found.start, found.length, found.name);
    },
    pointed(index) {
      const found = index >= 0 ? tree.at(index) : null;
      view.hover(found?.start ?? 0, found?.length ?? 0);
    },
  });
  panel.append(element('div', { class: 'decoded' }, facts, tree.element), element('div', { class: 'raw' }, view.element, place));
}

function flat(value, name = '') {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [[name, value]];
  return Object.entries(value).flatMap(([key, inner]) => flat(inner, name ? `${name}.${key}` : key));
}

function fieldList(document_) {
  const rows = flat(document_).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const button = (label, title_, act) => element('button', { type: 'button', class: 'without', 'aria-label': title_, title: title_, onclick: act }, label);
  return element('ul', { class: 'stored' }, ...rows.map(([name, value]) => {
    const text = visible(typeof value === 'object' ? JSON.stringify(value) : value);
    const term = terms.field(name, value);
    return element('li', {},
      element('span', { class: 'name' }, visible(name)), element('span', { class: 'value' }, text),
      button('+', `Only ${visible(term)}`, () => terms.add(term)),
      button('−', `Without ${visible(term)}`, () => terms.add(term, true)));
  }));
}
