// What the answer consists of: figures above, top hosts, ports and protocols at the side.
import { get, newest } from '/api.js';
import { byId, element, number, size, visible } from '/dom.js';
import { colour } from '/protocols.js';
import { question, state } from '/state.js';
import * as terms from '/terms.js';
import { parse, show, span, zoneName } from '/time.js';

const LISTS = [
  ['protocols', 'Protocols', terms.protocol],
  ['hosts', 'Hosts', terms.host],
  ['ports', 'Ports', terms.port],
];

/** The last answer; the query box completes with it, the download shows it. */
export let summary = null;

export const load = newest(async (signal, onAnswer) => {
  byId('summary').classList.add('stale');
  byId('figures').classList.add('stale');
  summary = null;
  summary = await get('summary', question(), signal);
  draw();
  onAnswer(summary);
  byId('summary').classList.remove('stale');
  byId('figures').classList.remove('stale');
});

/** How a figure is written of which a budget has left out a part. */
export const least = ({ stopped }) => (stopped ? '≥ ' : '');

export function draw() {
  if (!summary) return;
  const { packets, bytes, earliest, latest } = summary;
  const figure = (value, unit) => element('span', { class: 'figure' }, element('strong', {}, value), ` ${unit}`);
  const shown = [
    figure(`${least(summary)}${number(packets)}`, packets === 1 ? 'packet' : 'packets'),
    figure(`${least(summary)}${size(bytes)}`, 'on the wire'),
  ];
  const [from, to] = [parse(earliest), parse(latest)];
  if (from !== null && to !== null) {
    shown.push(element('span', { class: 'figure covered' },
      element('time', { datetime: earliest }, show(earliest, state.zone, 3)), ' – ',
      element('time', { datetime: latest }, show(latest, state.zone, 3)),
      element('span', { class: 'muted' }, ` ${zoneName(state.zone)}, ${span(to - from)}`)));
  }
  byId('figures').replaceChildren(...shown);
  byId('summary').replaceChildren(...LISTS.map(([name, title, term]) => group(title, summary[name] ?? [], term, name)));
}

function group(title, entries, term, name) {
  const most = Math.max(1, ...entries.map((entry) => entry.packets));
  return element('section', {},
    element('h2', {}, title, summary.exact ? null : element('span', { title: 'Elasticsearch estimates the most frequent values' }, ' ≈')),
    entries.length
      ? element('ul', { class: 'tops' }, ...entries.map((entry) => line(entry, term(entry.value), most, name)))
      : element('p', { class: 'muted' }, 'none'));
}

function line({ value, packets, bytes }, term, most, name) {
  const bar = element('span', { class: `share ${name === 'protocols' ? colour(value) : ''}` });
  bar.style.width = `${(packets / most) * 100}%`;
  return element('li', {},
    element('button', {
      type: 'button', class: 'top', title: `Only these: ${visible(term)}\n${number(packets)} packets, ${size(bytes)}`,
      onclick: () => terms.add(term),
    }, bar, element('span', { class: `value ${name === 'protocols' ? `key ${colour(value)}` : ''}` }, visible(value)),
    element('span', { class: 'count' }, number(packets))),
    element('button', {
      type: 'button', class: 'without', 'aria-label': `Without ${visible(term)}`, title: `Without: not ${visible(term)}`,
      onclick: () => terms.add(term, true),
    }, '−'));
}
