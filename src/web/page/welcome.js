// What stands in the place of packets when there are none: how to fill the archive, or where to look.
import { get } from '/api.js';
import { byId, element, visible } from '/dom.js';
import { change, state } from '/state.js';
import { show, zoneName } from '/time.js';

const AGAIN = 3000; // milliseconds between two looks at an empty archive

let timer = 0;

export function hide() {
  clearTimeout(timer);
  byId('welcome')?.remove();
  document.body.classList.remove('nothing');
}

/** Nothing was found: says why. `filled` is called when an empty archive has got its first packets. */
export async function nothing(filled) {
  const status = await get('status');
  hide();
  const empty = !status.set_up || status.packets === 0;
  document.body.classList.add('nothing');
  byId('packets').append(element('div', { id: 'welcome' }, ...(empty ? fill(status) : elsewhere(status))));
  if (empty) wait(filled);
}

function fill({ url, set_up: ready }) {
  const at = visible(url);
  const commands = [
    ...(ready ? [] : [['Make the store ready, once', `pcap-archiver --store ${at} setup`]]),
    ['Capture files', `pcap-archiver --store ${at} ingest captures/`],
    ['A folder that a capture program writes to', `pcap-archiver --store ${at} ingest --watch /captures`],
    ['A live capture', `tcpdump -U -w - | pcap-archiver --store ${at} ingest -`],
  ];
  return [
    element('h2', {}, 'The archive is empty'),
    element('p', {}, 'Fill it with one of these; the packets appear here by themselves.'),
    element('dl', {}, ...commands.flatMap(([name, command]) => [
      element('dt', {}, name), element('dd', {}, element('code', {}, command))])),
  ];
}

function elsewhere({ earliest, latest }) {
  const offer = (text, changes) => element('button', { type: 'button', onclick: () => change(changes) }, text);
  return [
    element('h2', {}, 'No packet matches'),
    element('p', {}, 'The archive covers ', element('strong', {}, show(earliest, state.zone, 0)), ' – ',
      element('strong', {}, show(latest, state.zone, 0)), ` ${zoneName(state.zone)}.`),
    element('p', { class: 'buttons' },
      state.since || state.until ? offer('Search all time', { since: '', until: '' }) : null,
      state.q ? offer('Remove the query', { q: '' }) : null),
  ];
}

function wait(filled) {
  timer = setTimeout(async () => {
    const status = await get('status').catch(() => null);
    if (status?.set_up && status.packets > 0) {
      hide();
      filled();
    } else wait(filled);
  }, AGAIN);
}
