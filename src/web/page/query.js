// The query box: completions while typing, a caret under what cannot be understood.
import { get, newest } from '/api.js';
import { byId, element, visible } from '/dom.js';
import { change, state } from '/state.js';
import { summary } from '/summary.js';

const OFFERED = 40;
const PAUSE = 350; // milliseconds without a key before a query is checked

const input = byId('query');
const list = byId('completions');
const fault = byId('query-error');
let known = [];
let offers = [];
let active = -1;
let timer = 0;

export function start(search) {
  input.value = state.q;
  input.addEventListener('input', typed);
  input.addEventListener('keydown', keys);
  input.addEventListener('blur', () => setTimeout(close, 150));
  input.addEventListener('scroll', align);
  byId('search').addEventListener('submit', (event) => {
    event.preventDefault();
    submit(search);
  });
}

/** What the language has, for the completions. */
export async function learn() {
  const { fields, words } = await get('fields');
  known = [
    ...words.map(({ word, description, example }) => (
      { text: word, insert: `${word} `, about: example === word ? description : `${description}: ${example}` })),
    ...fields.map(({ name, description, type }) => ({ text: name, insert: `${name}:`, about: description || type })),
  ];
}

/** The query has changed elsewhere. */
export function refresh() {
  if (input.value !== state.q) input.value = state.q;
  close();
}

function submit(search) {
  close();
  clearTimeout(timer);
  const q = input.value.trim();
  if (!change({ q, packet: '', at: '', community_id: '' })) search();
}

function typed() {
  offer();
  clearTimeout(timer);
  timer = setTimeout(() => check().catch(() => {}), PAUSE);
}

const check = newest(async (signal) => {
  const q = input.value;
  try {
    await get('check', { q }, signal);
    clear();
  } catch (error) {
    if (signal.aborted) return;
    // A word that is still being written is no mistake yet.
    const unfinished = error.query && toIndex(q, error.query.offset + error.query.length) >= q.trimEnd().length;
    if (error.status === 400 && !(unfinished && document.activeElement === input)) report(error);
  }
});

export function clear() {
  fault.hidden = true;
  input.removeAttribute('aria-invalid');
  input.removeAttribute('aria-describedby');
}

/** Shows why the query is not understood, with a caret under the place. */
export function report(error) {
  fault.replaceChildren();
  if (error.query) {
    const q = input.value;
    const from = toIndex(q, error.query.offset);
    const to = Math.max(from + 1, toIndex(q, error.query.offset + (error.query.length || 1)));
    fault.append(element('div', { class: 'caret', 'aria-hidden': 'true' },
      element('span', { class: 'before' }, q.slice(0, from)), '^'.repeat(Math.min(80, [...q.slice(from, to)].length || 1))));
  }
  const expected = error.query?.expected ? element('span', { class: 'muted' }, ` expected ${visible(error.query.expected)}`) : null;
  fault.append(element('p', {}, visible(error.message), error.query && !error.message.includes('expected') ? expected ?? '' : ''));
  if (error.hint) fault.append(element('p', { class: 'muted' }, visible(error.hint)));
  fault.hidden = false;
  input.setAttribute('aria-invalid', 'true');
  input.setAttribute('aria-describedby', 'query-error');
  align();
}

// The API counts bytes of UTF-8, a string counts units of UTF-16.
function toIndex(text, bytes) {
  const encoder = new TextEncoder();
  let index = 0;
  let count = 0;
  for (const letter of text) {
    if (count >= bytes) break;
    count += encoder.encode(letter).length;
    index += letter.length;
  }
  return index;
}

// The caret follows the text of the box when that is longer than the box.
function align() {
  const caret = fault.querySelector('.caret');
  if (caret) caret.style.marginLeft = `${-input.scrollLeft}px`;
}

function word() {
  const end = input.selectionStart;
  const start = end - /[^\s()!&|"']*$/.exec(input.value.slice(0, end))[0].length;
  return { start, end, text: input.value.slice(start, end).toLowerCase(), before: input.value.slice(0, start) };
}

function candidates({ text, before }) {
  const quotes = before.match(/"/g)?.length ?? 0;
  if (quotes % 2) return [];
  const tops = (name, about) => (summary?.[name] ?? []).map(({ value, packets }) => (
    { text: String(value), insert: `${value} `, about: `${about}, ${packets} packets` }));
  let from = known;
  if (/(^|[\s(])(host|src|dst)\s+$/.test(before)) from = [...tops('hosts', 'seen here'), ...known];
  else if (/(^|[\s(])port\s+$/.test(before)) from = [...tops('ports', 'seen here'), ...known];
  else if (text === '') return [];
  if (text.startsWith('network.protocol:')) {
    from = tops('protocols', 'seen here').map((one) => ({ ...one, text: `network.protocol:${one.text}`, insert: `network.protocol:${one.insert}` }));
  }
  const begins = from.filter((one) => one.text.toLowerCase().startsWith(text) && one.text.toLowerCase() !== text);
  const holds = text.length > 1 ? from.filter((one) => !begins.includes(one) && one.text.toLowerCase().includes(text) && one.text.toLowerCase() !== text) : [];
  return [...begins, ...holds].slice(0, OFFERED);
}

function offer() {
  const place = word();
  offers = candidates(place);
  active = -1;
  if (offers.length === 0) {
    close();
    return;
  }
  list.replaceChildren(...offers.map((one, index) => element('li', {
    role: 'option', id: `completion-${index}`, 'aria-selected': 'false', onpointerdown: (event) => { event.preventDefault(); accept(index); },
  }, element('span', { class: 'text' }, visible(one.text)), element('span', { class: 'muted' }, visible(one.about ?? '')))));
  list.hidden = false;
  input.setAttribute('aria-expanded', 'true');
}

function close() {
  list.hidden = true;
  active = -1;
  input.setAttribute('aria-expanded', 'false');
  input.removeAttribute('aria-activedescendant');
}

function activate(index) {
  list.children[active]?.setAttribute('aria-selected', 'false');
  active = (index + offers.length) % offers.length;
  const option = list.children[active];
  option.setAttribute('aria-selected', 'true');
  option.scrollIntoView({ block: 'nearest' });
  input.setAttribute('aria-activedescendant', option.id);
}

function accept(index) {
  const { start, end } = word();
  input.setRangeText(offers[index].insert, start, end, 'end');
  close();
  input.dispatchEvent(new Event('input'));
}

function keys(event) {
  if (event.key === 'ArrowDown' && list.hidden) {
    offer();
    if (!list.hidden) activate(0);
  } else if (list.hidden) {
    if (event.key === 'Escape') input.blur();
    return;
  } else if (event.key === 'ArrowDown') activate(active + 1);
  else if (event.key === 'ArrowUp') activate(active < 0 ? offers.length - 1 : active - 1);
  else if (event.key === 'Escape') close();
  else if (event.key === 'Tab' && !event.shiftKey) accept(Math.max(0, active));
  else if (event.key === 'Enter' && active >= 0) accept(active);
  else return;
  event.preventDefault();
}
