// The time range: presets, or two times; and the zone in which times are shown and typed.
import { byId, element, visible } from '/dom.js';
import { change, state } from '/state.js';
import { parse, showShort, typed, zoneName } from '/time.js';

const PRESETS = [['', 'All time'], ['15m', 'Last 15 minutes'], ['1h', 'Last hour'], ['6h', 'Last 6 hours'],
  ['24h', 'Last 24 hours'], ['7d', 'Last 7 days'], ['30d', 'Last 30 days']];

const button = byId('range');
const panel = byId('range-panel');
const since = byId('since');
const until = byId('until');

export function start() {
  byId('presets').append(...PRESETS.map(([age, name]) => element('button', {
    type: 'button', 'data-age': age, onclick: () => {
      panel.hidePopover();
      ask({ since: age, until: '' });
    },
  }, name)));
  byId('local-zone').textContent = `here (${zoneName('local')})`;
  byId('absolute').addEventListener('submit', (event) => {
    event.preventDefault();
    ask({ since: typed(since.value, state.zone), until: typed(until.value, state.zone) });
    panel.hidePopover();
  });
  for (const radio of panel.querySelectorAll('[name=zone]')) {
    radio.addEventListener('change', () => change({ zone: radio.value === 'local' ? 'local' : '' }, { replace: true }));
  }
  panel.addEventListener('toggle', (event) => {
    if (event.newState === 'open') place();
  });
  draw();
}

function place() {
  const box = button.getBoundingClientRect();
  panel.style.top = `${box.bottom + 6}px`;
  panel.style.left = `${Math.max(8, Math.min(box.left, innerWidth - panel.offsetWidth - 8))}px`;
  panel.querySelector('[aria-pressed=true], button').focus();
}

const ask = (range) => change({ ...range, packet: '', at: '', community_id: '' });

/** A range that the server refused: says why, where it can be changed. */
export function report(error) {
  byId('range-error').textContent = visible(error.message);
  byId('range-error').hidden = false;
  if (!panel.matches(':popover-open')) panel.showPopover();
  since.focus();
}

export function draw() {
  const written = (text) => {
    const time = parse(text);
    return time === null ? text : showShort(time, state.zone);
  };
  const preset = state.until === '' ? PRESETS.find(([age]) => age === state.since) : null;
  button.textContent = preset ? preset[1] : `${written(state.since) || 'the beginning'} – ${written(state.until) || 'now'}`;
  button.append(element('span', { class: 'muted' }, ` ${zoneName(state.zone)}`));
  since.value = written(state.since);
  until.value = written(state.until);
  byId('range-error').hidden = true;
  for (const one of panel.querySelectorAll('[data-age]')) one.setAttribute('aria-pressed', String(one.dataset.age === preset?.[0]));
  for (const radio of panel.querySelectorAll('[name=zone]')) radio.checked = (radio.value === 'local') === (state.zone === 'local');
}
