// The page: connects what the state says with what is shown.
import { get } from '/api.js';
import * as detail from '/detail.js';
import { byId, element, toast, visible } from '/dom.js';
import * as download from '/download.js';
import * as help from '/help.js';
import * as histogram from '/histogram.js';
import * as login from '/login.js';
import * as packets from '/packets.js';
import * as query from '/query.js';
import * as range from '/range.js';
import { change, onChange, state } from '/state.js';
import * as summary from '/summary.js';
import * as terms from '/terms.js';
import * as welcome from '/welcome.js';

const notices = new Map();

function search() {
  query.clear();
  welcome.hide();
  notices.clear();
  drawNotices();
  tried('packets', packets.load());
  tried('timeline', histogram.load().then(() => note('timeline', histogram.partial())));
  tried('summary', summary.load((answer) => {
    packets.expect(answer.stopped ? null : answer.packets);
    note('summary', answer.stopped);
    say(answer.notes);
  }));
}

/** Shows a failure of one part where it belongs. */
function tried(part, work) {
  work.catch((error) => {
    if (error.query) {
      query.report(error);
      before();
    } else if (['since', 'until'].includes(error.parameter)) range.report(error);
    else if (error.status === 503) unready(part, error);
    else fail(part, error);
  });
}

/** A store that was never set up is told apart from one that does not answer. */
async function unready(part, error) {
  const status = await get('status').catch(() => null);
  if (status?.set_up !== false) fail(part, error);
  else if (part === 'packets') welcome.nothing(search).catch((why) => fail(part, why));
}

/** What is still shown answers another query. */
function before() {
  if (!document.querySelector('#grid .rows .row')) return;
  notices.set('before', element('p', { class: 'notice' }, 'Below is the answer to the query before.'));
  drawNotices();
}

function fail(part, error) {
  notices.set(part, element('p', { class: 'notice fault' }, visible(error.message), error.hint ? ` (${visible(error.hint)})` : ''));
  drawNotices();
}

/** What a budget has ended is partial, and says so. */
function note(part, stopped) {
  if (stopped) notices.set(part, element('p', { class: 'notice' }, element('strong', {}, `The ${part} is partial: `), visible(stopped.message)));
  else notices.delete(part);
  drawNotices();
}

/** What has to be known about the query itself. */
function say(notes) {
  for (const text of notes) notices.set(text, element('p', { class: 'notice' }, `${visible(text)}.`));
  drawNotices();
}

function drawNotices() {
  const texts = new Set();
  byId('notices').replaceChildren(...[...notices.values()].filter(({ textContent }) => !texts.has(textContent) && texts.add(textContent)));
}

onChange((changed) => {
  const any = (...names) => names.some((name) => changed.has(name));
  range.draw();
  query.refresh();
  if (any('q', 'since', 'until')) search();
  if (any('zone')) {
    packets.redraw();
    histogram.draw();
    summary.draw();
    detail.draw();
  }
  if (any('packet', 'community_id')) detail.load().catch(() => {});
  if (any('packet')) packets.mark();
  title();
});

function title() {
  document.title = state.q ? `${visible(state.q)} – pcap-archiver` : 'pcap-archiver';
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    toast('The link is copied.');
  } catch {
    toast(location.href);
  }
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  localStorage.setItem('theme', root.dataset.theme);
}

function view(name) {
  document.body.dataset.view = name;
  for (const button of document.querySelectorAll('[data-view]')) {
    if (button !== document.body) button.setAttribute('aria-pressed', String(button.dataset.view === name));
  }
}

function away() {
  if (state.packet || state.community_id) detail.close();
}

for (const [id, act] of [['theme', theme], ['help-open', help.open], ['download-open', download.open],
  ['copy-link', copyLink], ['zoom-out', histogram.zoomOut]]) byId(id).addEventListener('click', () => act());
for (const button of document.querySelectorAll('.switch [data-view]')) button.addEventListener('click', () => view(button.dataset.view));

title();
query.start(search);
range.start();
packets.start({ onFirstPage: (total) => (total === 0 ? welcome.nothing(search).catch((error) => fail('packets', error)) : welcome.hide()) });
help.start([
  ['/', 'to the query', () => byId('query').select()],
  ['t', 'time range', () => byId('range').click()],
  ['j', 'next packet', () => packets.step(1)],
  ['k', 'previous packet', () => packets.step(-1)],
  ['b', 'its layers and bytes', () => detail.choose('layers')],
  ['f', 'its stored fields', () => detail.choose('fields')],
  ['c', 'its whole conversation', () => detail.choose('conversation')],
  ['h', 'timeline: select a stretch', () => document.querySelector('.edge').focus()],
  ['-', 'zoom out', histogram.zoomOut],
  ['d', 'download', download.open],
  ['y', 'copy the link', copyLink],
  ['m', 'dark or light', theme],
  ['?', 'this help', help.open],
  ['Escape', 'close the packet', away],
]);

// Links of other programs name a conversation only: its packets are what is asked for.
if (state.community_id && !state.q && !state.packet) {
  change({ q: terms.field('network.community_id', state.community_id) }, { replace: true });
}

async function begin() {
  await login.start();
  query.learn().catch((error) => fail('completions', error));
  search();
  await detail.load().catch(() => {});
}

begin().catch((error) => fail('server', error));
