// The table of packets: pages by cursor as far as somebody scrolls, rows drawn as far as they are seen.
import { get, newest } from '/api.js';
import { byId, element, endpoint, number, visible } from '/dom.js';
import { colour } from '/protocols.js';
import { change, question, state } from '/state.js';
import { parse, parts } from '/time.js';
import { rowWindow } from '/window.js';

const LIMIT = 200; // packets of one page
const KEPT = 50; // pages in memory; others are asked for again by their cursor
const COLUMNS = ['Time', 'Source', 'Destination', 'Protocol', 'Length', 'Info'];

const grid = byId('grid');
const note = byId('grid-note');
const body = element('div', { role: 'rowgroup', class: 'rows' });
const head = element('div', { role: 'rowgroup', class: 'head' });
const list = rowWindow(grid, body, { row, height: rowHeight, seen });

let asked = question(); // what the rows answer; the query may be another one by now
let pages = [];
let total = 0; // rows of all pages so far
let next = null; // cursor of what comes after them; null when there is none
let stopped = null;
let current = -1;
let expected = null; // packets in the whole answer, when it is known
let failed = null;
let shown = () => {};

export function start({ onFirstPage }) {
  shown = onFirstPage;
  head.append(element('div', { role: 'row', class: 'row', 'aria-rowindex': 1 },
    ...COLUMNS.map((name) => element('div', { role: 'columnheader', class: name.toLowerCase() }, name))));
  grid.append(head, body);
  grid.addEventListener('click', (event) => {
    const chosen = event.target.closest('[data-index]');
    if (chosen && getSelection().isCollapsed) open(Number(chosen.dataset.index));
  });
  grid.addEventListener('keydown', keys);
}

export const load = newest(async (signal) => {
  // What was there stays, in grey, until there is an answer.
  grid.classList.add('stale');
  grid.setAttribute('aria-busy', 'true');
  const now = question();
  expected = null;
  try {
    const answer = await get('packets', { ...now, limit: LIMIT }, signal);
    asked = now;
    pages = [];
    total = 0;
    failed = null;
    current = -1;
    grid.removeAttribute('aria-activedescendant');
    grid.scrollTop = 0;
    append(answer, null);
    mark();
    grid.classList.remove('stale');
    shown(total);
  } finally {
    if (!signal.aborted) grid.removeAttribute('aria-busy');
  }
});

/** The number of packets in the whole answer, as soon as the summary knows it. */
export function expect(packets) {
  expected = packets;
  tell();
}

/** The zone has changed. */
export const redraw = () => list.redraw();

async function more() {
  const [mine, cursor] = [asked, next];
  const answer = await get('packets', { ...mine, limit: LIMIT, cursor });
  if (mine === asked) append(answer, cursor);
}

function append(answer, cursor) {
  pages.push({ cursor, start: total, rows: answer.packets, length: answer.packets.length });
  total += answer.packets.length;
  next = answer.next;
  stopped = answer.stopped;
  forget(pages.length - 1);
  list.resize(total);
  list.redraw();
  tell();
}

// Drops the pages that are farthest from the one just used.
function forget(used) {
  const held = pages.flatMap((page, index) => (page.rows ? [index] : []));
  if (held.length <= KEPT) return;
  held.sort((left, right) => Math.abs(right - used) - Math.abs(left - used));
  pages[held[0]].rows = null;
}

function pageOf(index) {
  let low = 0;
  let high = pages.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pages[middle].start <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

async function again(number) {
  const page = pages[number];
  if (page.rows || page.asked) return;
  page.asked = true;
  try {
    const answer = await get('packets', { ...asked, limit: LIMIT, cursor: page.cursor });
    if (pages[number] !== page) return;
    page.rows = answer.packets.slice(0, page.length);
    forget(number);
    list.redraw();
  } finally {
    page.asked = false;
  }
}

function packet(index) {
  const page = pages[pageOf(index)];
  return page?.rows?.[index - page.start] ?? null;
}

let loading = false;

async function seen(first, last) {
  for (const edge of [first, last - 1]) if (pages.length) again(pageOf(edge)).catch(() => {});
  if (last < total - LIMIT / 4 || next === null || stopped || failed || loading) return;
  await go();
}

async function go() {
  loading = true;
  stopped = null;
  failed = null;
  tell();
  try {
    await more();
  } catch (error) {
    failed = error;
  } finally {
    loading = false;
    tell();
  }
}

function tell() {
  grid.setAttribute('aria-rowcount', next === null && !stopped ? total + 1 : -1);
  const loaded = number(total);
  const button = (text) => element('button', { type: 'button', onclick: go }, text);
  if (failed) note.replaceChildren(element('span', { class: 'fault' }, visible(failed.message)), ' ', button('Try again'));
  else if (stopped) {
    note.replaceChildren(element('strong', {}, 'Partial. '), visible(stopped.message), ' ',
      next === null ? '' : button('Look further'));
  } else if (loading) note.textContent = `${loaded} loaded, asking for more …`;
  else if (next !== null) {
    note.textContent = expected ? `${loaded} of ${number(expected)} loaded; scroll for more` : `${loaded} loaded; scroll for more`;
  } else note.textContent = total === 1 ? 'One packet.' : `All ${loaded} packets.`;
  note.hidden = total === 0 && !stopped && !failed;
}

function rowHeight() {
  return parseFloat(getComputedStyle(grid).getPropertyValue('--row')) || 24;
}

function row(index) {
  const one = packet(index);
  const attributes = {
    role: 'row', class: 'row', id: `row-${index}`, 'data-index': index, 'aria-rowindex': index + 2,
    'aria-selected': String(index === current),
  };
  if (!one) return element('div', attributes, element('div', { role: 'gridcell', class: 'muted' }, '…'));
  const cell = (name, ...content) => element('div', { role: 'gridcell', class: name }, ...content);
  return element('div', { ...attributes, class: `row ${colour(one.protocol)}` },
    cell('time', ...clock(one.timestamp)),
    cell('source', endpoint(one.source, one.source_port)),
    cell('destination', endpoint(one.destination, one.destination_port)),
    cell('protocol', visible(one.protocol ?? '')),
    cell('length', number(one.length)),
    cell('info', visible(one.info ?? '')));
}

function clock(text) {
  const time = parse(text);
  if (time === null) return [visible(text)];
  const { day, clock: hours } = parts(time, state.zone, 6);
  return [element('span', { class: 'day' }, day), ` ${hours}`];
}

/** Selects the row of the packet that is open, where it is loaded. */
export function mark() {
  if (packet(current)?.id === state.packet) return;
  const page = pages.find(({ rows }) => rows?.some(({ id }) => id === state.packet));
  if (page) select(page.start + page.rows.findIndex(({ id }) => id === state.packet));
}

/** Moves to the row before or after; opens it where one is open. */
export function step(by) {
  if (total === 0) return;
  select(Math.min(total - 1, Math.max(0, current + by)));
  if (state.packet) open(current);
}

function select(index) {
  byId(`row-${current}`)?.setAttribute('aria-selected', 'false');
  current = index;
  byId(`row-${current}`)?.setAttribute('aria-selected', 'true');
  grid.setAttribute('aria-activedescendant', `row-${current}`);
  list.reveal(index);
}

function open(index) {
  select(index);
  const one = packet(index);
  if (!one) return;
  const conversation = state.community_id ? (one.community_id ?? '') : '';
  change({ packet: one.id, at: one.timestamp, community_id: conversation }, { replace: Boolean(state.packet) });
}

function keys(event) {
  const moves = {
    ArrowDown: 1, ArrowUp: -1, PageDown: list.rows(), PageUp: -list.rows(), Home: -total, End: total,
  };
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key in moves) step(moves[event.key]);
  else if (event.key === 'Enter' && current >= 0) open(current);
  else return;
  event.preventDefault();
}
