// What two ends have said to each other: the payload of each packet, both directions, as text.
import { get, newest } from '/api.js';
import { element, number, size, visible, visibleLines } from '/dom.js';
import { change, state } from '/state.js';
import * as terms from '/terms.js';
import { parse, parts } from '/time.js';

let panel = null;
let said = null; // the list of what was said
let foot = null;
let next = null;

/** Draws the conversation of the state into `target`. */
export function show(target) {
  panel = target;
  said = element('ol', { class: 'said' });
  foot = element('p', { class: 'foot', role: 'status' });
  next = null;
  panel.replaceChildren(element('p', { class: 'muted' }, 'Reading …'));
  load().catch(report);
}

const load = newest(async (signal) => {
  const first = next === null;
  const id = state.community_id;
  const answer = await get(`conversation/${encodeURIComponent(id)}`, { since: state.since, until: state.until, cursor: next }, signal);
  if (first) panel.replaceChildren(heading(answer), said, foot);
  said.append(...answer.segments.map((segment) => line(segment, answer.ends)));
  next = answer.next;
  end(answer);
});

function heading({ ends, community_id: id }) {
  return element('div', { class: 'between' },
    element('span', { class: 'from-0' }, visible(ends[0] ?? '?')), ' ⇄ ', element('span', { class: 'from-1' }, visible(ends[1] ?? '?')),
    element('button', { type: 'button', onclick: () => change({ q: terms.field('network.community_id', id) }) }, 'Only these packets'));
}

function line({ packet, timestamp, from, bytes, text, cut }, ends) {
  const time = parse(timestamp);
  const clock = time === null ? visible(timestamp) : parts(time, state.zone, 6).clock;
  return element('li', { class: from === 1 ? 'from-1' : 'from-0' },
    element('button', {
      type: 'button', class: 'segment', title: 'Open this packet',
      onclick: () => change({ packet, at: timestamp, community_id: '' }),
    }, element('span', {}, clock), element('span', {}, visible(ends[from] ?? '')), element('span', {}, size(bytes))),
    text ? element('pre', {}, visibleLines(text)) : null,
    cut ? element('p', { class: 'muted' }, 'More than this is in the packet.') : null);
}

function end({ stopped }) {
  const count = said.children.length;
  const more = element('button', { type: 'button', onclick: () => load().catch(report) }, 'Read on');
  foot.replaceChildren();
  if (stopped) foot.append(element('strong', {}, 'Partial. '), visible(stopped.message), ' ');
  if (next !== null) foot.append(`${number(count)} packets so far. `, more);
  else if (!stopped) foot.append(count ? `The whole conversation: ${number(count)} packets.` : 'No packet of this conversation is in the time range.');
}

function report(error) {
  const message = element('p', { class: 'fault' }, visible(error.message));
  if (foot.isConnected) foot.replaceChildren(message);
  else panel.replaceChildren(message);
}
