// Packets over time, stacked by protocol. A stretch is chosen with the mouse, a finger, or two sliders.
import { get, newest } from '/api.js';
import { byId, element, number, size, svg, visible } from '/dom.js';
import { colour } from '/protocols.js';
import { change, question, state } from '/state.js';
import { niceStep, parse, parts, showShort, span, toRfc3339 } from '/time.js';

const AXIS = 18;
const LEFT = 44;
const NAMED = 8; // protocols with a part of their own; the rest is "other"

const figure = byId('histogram');
const legend = element('ul', { class: 'legend' });
const drawing = svg('svg', { role: 'img', 'aria-label': 'Packets over time' });
const tip = element('div', { class: 'tip', 'aria-hidden': 'true', hidden: true });
const edges = ['Start', 'End'].map((name) => element('input', {
  type: 'range', min: 0, step: 1, class: 'edge', 'aria-label': `${name} of the stretch to zoom to`,
  oninput: () => moved(), onkeydown: (event) => confirm(event),
}));
const hint = element('p', { class: 'hint' }, 'Arrow keys move this edge, Enter zooms, Escape leaves it.');
const plot = element('div', { class: 'plot' }, drawing, ...edges, tip);
figure.append(legend, plot, hint);

let data = null;
let brush = null; // the two ends, in pixels

export const load = newest(async (signal) => {
  const buckets = Math.min(300, Math.max(40, Math.round((figure.clientWidth - LEFT) / 5)));
  figure.classList.add('stale');
  data = prepared(await get('histogram', { ...question(), buckets }, signal));
  draw();
  figure.classList.remove('stale');
});

/** What the last answer left out, if it did. */
export const partial = () => data?.stopped ?? null;

function prepared(answer) {
  const interval = BigInt(answer.interval_ns ?? 0) || 1n;
  const buckets = (answer.buckets ?? []).map((one) => ({ ...one, from: parse(one.start) })).filter((one) => one.from !== null);
  let from = parse(answer.from);
  let to = parse(answer.to);
  if (buckets.length) {
    const last = buckets.at(-1).from + interval;
    if (from === null || buckets[0].from < from) from = buckets[0].from;
    if (to === null || last > to) to = last;
  }
  if (from === null || to === null || to <= from) return { buckets: [], stopped: answer.stopped };
  const totals = new Map();
  for (const { protocols } of buckets) {
    for (const [name, packets] of Object.entries(protocols)) totals.set(name, (totals.get(name) ?? 0) + packets);
  }
  const names = [...totals].sort((left, right) => right[1] - left[1]).map(([name]) => name);
  return { buckets, from, to, interval, names: names.slice(0, NAMED), stopped: answer.stopped };
}

function layers(bucket) {
  const parts = data.names.map((name) => [name, bucket.protocols[name] ?? 0]);
  const rest = bucket.packets - parts.reduce((sum, [, packets]) => sum + packets, 0);
  if (rest > 0) parts.push(['other', rest]);
  return parts.filter(([, packets]) => packets > 0);
}

const width = () => Math.max(100, plot.clientWidth);
const height = () => Math.max(40, plot.clientHeight - AXIS);
const toX = (time) => LEFT + (Number(time - data.from) / Number(data.to - data.from)) * (width() - LEFT);
function toTime(x) {
  const share = Math.min(1, Math.max(0, (x - LEFT) / (width() - LEFT)));
  return data.from + BigInt(Math.round(share * Number(data.to - data.from)));
}

export function draw() {
  const empty = !data || data.buckets.length === 0;
  figure.classList.toggle('empty', empty);
  for (const edge of edges) edge.disabled = empty;
  if (empty) {
    drawing.replaceChildren();
    legend.replaceChildren();
    return;
  }
  const high = height();
  drawing.setAttribute('viewBox', `0 0 ${width()} ${high + AXIS}`);
  const top = Math.max(...data.buckets.map((bucket) => bucket.packets), 1);
  const names = [...data.names, 'other'];
  const paths = new Map(names.map((name) => [name, '']));
  for (const bucket of data.buckets) {
    const left = toX(bucket.from);
    const right = Math.max(left + 1, toX(bucket.from + data.interval) - 1);
    let below = 0;
    for (const [name, packets] of layers(bucket)) {
      const y = high - (below / top) * (high - 6);
      const part = Math.max(0.6, (packets / top) * (high - 6));
      paths.set(name, `${paths.get(name)}M${left.toFixed(1)} ${y.toFixed(1)}H${right.toFixed(1)}v${(-part).toFixed(1)}H${left.toFixed(1)}z`);
      below += packets;
    }
  }
  const used = names.filter((name) => paths.get(name));
  drawing.replaceChildren(
    ...gridLines(top, high), ...ticks(high),
    ...used.map((name) => svg('path', { d: paths.get(name), class: `bar ${colour(name)}` })),
    svg('rect', { class: 'brush', y: 0, height: high, width: 0 }),
  );
  const highest = data.buckets.reduce((best, one) => (one.packets > best.packets ? one : best));
  drawing.setAttribute('aria-label', `Packets over time, ${data.buckets.length} steps of ${span(data.interval)};`
    + ` most at ${showShort(highest.from, state.zone)}: ${number(highest.packets)}`);
  legend.replaceChildren(...used.map((name) => element('li', { class: colour(name) }, visible(name))));
  const steps = Number((data.to - data.from + data.interval - 1n) / data.interval);
  for (const edge of edges) edge.max = steps;
  clear();
}

function gridLines(top, high) {
  return [1, 0.5].flatMap((share) => {
    const value = Math.round(top * share);
    if (share < 1 && top < 2) return [];
    const y = high - share * (high - 6);
    return [svg('line', { class: 'rule', x1: LEFT, x2: width(), y1: y, y2: y }),
      svg('text', { class: 'tick', x: LEFT - 6, y: y + 4, 'text-anchor': 'end' }, short(value))];
  });
}

const short = (value) => Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(value);

function ticks(high) {
  const step = niceStep((data.to - data.from) / BigInt(Math.max(1, Math.floor((width() - LEFT) / 84))));
  const day = 86400n * 1_000_000_000n;
  const digits = step % 1_000_000_000n === 0n ? 0 : step % 1_000_000n === 0n ? 3 : 9;
  const marks = [];
  let lastDay = '';
  // Steps begin at midnight of the zone that is shown.
  const shift = state.zone === 'local' ? BigInt(new Date(Number(data.from / 1_000_000n)).getTimezoneOffset()) * -60_000_000_000n : 0n;
  for (let time = ((data.from + shift) / step) * step - shift; time <= data.to; time += step) {
    const x = toX(time);
    if (x < LEFT || x > width() - 20) continue;
    const { day: date, clock } = parts(time, state.zone, digits);
    const text = step >= day ? date : date === lastDay ? clock.replace(/:00$/, '') : `${date.slice(5)} ${clock.replace(/:00$/, '')}`;
    lastDay = date;
    marks.push(svg('line', { class: 'notch', x1: x, x2: x, y1: high, y2: high + 4 }),
      svg('text', { class: 'tick', x, y: high + AXIS - 2, 'text-anchor': x < LEFT + 30 ? 'start' : 'middle' }, text));
  }
  return [...marks, svg('line', { class: 'rule', x1: LEFT, x2: width(), y1: high, y2: high })];
}

function paint() {
  const rect = drawing.querySelector('.brush');
  if (!rect) return;
  const [left, right] = brush ? [Math.min(...brush), Math.max(...brush)] : [0, 0];
  rect.setAttribute('x', left);
  rect.setAttribute('width', right - left);
}

function clear() {
  brush = null;
  edges[0].value = 0;
  edges[1].value = edges[1].max;
  describe();
  paint();
}

function zoom(from, to) {
  clear();
  if (to > from) change({ since: toRfc3339(from), until: toRfc3339(to), packet: '', at: '', community_id: '' });
}

/** Twice the time around the middle of what is shown. */
export function zoomOut() {
  if (!data?.interval) return;
  const more = (data.to - data.from) / 2n + 1n;
  change({ since: toRfc3339(data.from - more), until: toRfc3339(data.to + more), packet: '', at: '', community_id: '' });
}

// The sliders count steps of the histogram.
const edgeTime = (edge) => {
  const time = data.from + BigInt(edge.value) * data.interval;
  return time > data.to ? data.to : time;
};

function describe() {
  for (const edge of edges) edge.setAttribute('aria-valuetext', data?.interval ? showShort(edgeTime(edge), state.zone) : 'none');
}

function moved() {
  describe();
  brush = edges.map((edge) => toX(edgeTime(edge)));
  paint();
  const times = edges.map(edgeTime).sort((left, right) => (left < right ? -1 : 1));
  hint.textContent = `${times.map((time) => showShort(time, state.zone)).join(' – ')}. Enter zooms, Escape leaves it.`;
}

function confirm(event) {
  if (event.key === 'Enter') {
    const [from, to] = edges.map(edgeTime).sort((left, right) => (left < right ? -1 : 1));
    event.preventDefault();
    zoom(from, to - 1n);
  } else if (event.key === 'Escape') clear();
}

const at = (event) => Math.min(width(), Math.max(LEFT, event.clientX - plot.getBoundingClientRect().left));

drawing.addEventListener('pointerdown', (event) => {
  if (event.button !== 0 || !data?.interval) return;
  drawing.setPointerCapture(event.pointerId);
  brush = [at(event), at(event)];
});
drawing.addEventListener('pointermove', (event) => {
  if (!data?.interval) return;
  if (brush) {
    brush[1] = at(event);
    paint();
  }
  point(at(event));
});
drawing.addEventListener('pointerup', () => {
  if (!brush) return;
  const [left, right] = [Math.min(...brush), Math.max(...brush)];
  if (right - left < 4) clear();
  else zoom(toTime(left), toTime(right));
});
drawing.addEventListener('pointercancel', clear);
drawing.addEventListener('pointerleave', () => { tip.hidden = true; });

function point(x) {
  const time = toTime(x);
  const bucket = data.buckets.find((one) => one.from <= time && time < one.from + data.interval);
  const lines = brush
    ? [element('strong', {}, brush.map((end) => showShort((toTime(end) / 1_000_000n) * 1_000_000n, state.zone)).sort().join(' – '))]
    : [element('strong', {}, `${showShort(bucket?.from ?? time, state.zone)} + ${span(data.interval)}`)];
  if (bucket && !brush) {
    lines.push(element('span', {}, `${number(bucket.packets)} packets, ${size(bucket.bytes)}`),
      ...layers(bucket).reverse().map(([name, packets]) => element('span', { class: `key ${colour(name)}` }, `${visible(name)} ${number(packets)}`)));
  } else if (!brush) lines.push(element('span', {}, 'no packets'));
  tip.replaceChildren(...lines);
  tip.hidden = false;
  const room = width() - tip.offsetWidth;
  tip.style.left = `${Math.max(0, Math.min(room, x + (x > width() / 2 ? -tip.offsetWidth - 12 : 12)))}px`;
}

new ResizeObserver(() => draw()).observe(plot);
