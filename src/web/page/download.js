// The packets as a file. It is written to the browser's private disk space as it comes, so memory stays
// small, and is handed over only when it is whole.
import { get, request, url } from '/api.js';
import { byId, element, number, size, toast, visible } from '/dom.js';
import { question, state } from '/state.js';
import { least, summary } from '/summary.js';
import { span } from '/time.js';

const FOLDER = 'downloads';
const FILE_HEADER = 24; // bytes of a pcap file's header, and of that of each packet
const RECORD_HEADER = 16;
const STALE = 10 * 60_000; // milliseconds after which a file was surely copied to where the user wants it

const dialog = byId('download');
let running = null;

/** Asks for the format; shows before how much it will be. */
export async function open() {
  if (running) {
    dialog.showModal();
    return;
  }
  const known = element('p', { class: 'amount' }, 'Counting …');
  const form = element('form', { onsubmit: begin },
    element('h2', { id: 'download-title' }, 'Download'),
    known,
    element('p', { class: 'muted' }, state.q ? element('code', {}, visible(state.q)) : 'Everything in the time range'),
    element('fieldset', {}, element('legend', {}, 'Format'),
      choice('pcap', 'pcap', 'for every tool; one link type', true),
      choice('pcapng', 'pcapng', 'also interfaces and comments, several link types')),
    element('div', { class: 'buttons' },
      element('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
      element('button', { class: 'primary' }, 'Download')));
  dialog.replaceChildren(form);
  dialog.showModal();
  try {
    const amount = summary ?? await get('summary', question());
    known.replaceChildren(element('strong', {}, `${least(amount)}${number(amount.packets)}`), ' packets, ',
      element('strong', {}, `${least(amount)}${size(amount.captured_bytes)}`), ' captured',
      amount.stopped ? `; ${visible(amount.stopped.message)}` : '');
  } catch (error) {
    known.textContent = visible(error.message);
  }
}

function choice(value, name, meaning, checked = false) {
  return element('label', { class: 'choice' }, element('input', { type: 'radio', name: 'format', value, checked }),
    element('span', {}, element('strong', {}, name), element('span', { class: 'muted' }, ` ${meaning}`)));
}

async function begin(event) {
  event.preventDefault();
  const format = new FormData(event.target).get('format');
  const address = url(format, question());
  running = new AbortController();
  // Some browsers have no such space, others not now: in private windows, or on a full disk.
  const room = await place().catch(() => null);
  if (!room) {
    running = null;
    dialog.close();
    hand(address, '');
    return;
  }
  const bar = element('progress', { 'aria-label': 'Progress' });
  const text = element('p', { class: 'amount', role: 'status' }, 'Waiting for the first packet …');
  const stop = element('button', { type: 'button', onclick: () => running?.abort() }, 'Stop');
  dialog.replaceChildren(element('h2', { id: 'download-title' }, `Download as ${visible(format)}`), bar, text,
    element('p', { class: 'muted' }, 'You may close this box; the download goes on.'),
    element('div', { class: 'buttons' }, stop, element('button', { type: 'button', onclick: () => dialog.close() }, 'Close')));
  try {
    await transfer(address, room, running.signal, (status) => show(bar, text, status));
    dialog.close();
  } catch (error) {
    const stopped = error.name === 'AbortError';
    text.classList.toggle('fault', !stopped);
    text.textContent = stopped ? 'Stopped; nothing was kept.'
      : error.status ? visible(`${error.message}${error.hint ? ` (${error.hint})` : ''}`)
        : `Cut off, nothing was kept: ${visible(error.message)}`;
    stop.remove();
    if (!dialog.open) toast(text.textContent);
  } finally {
    running = null;
  }
}

function show(bar, text, { received, bytes, started }) {
  const seconds = Math.max(0.001, (performance.now() - started) / 1000);
  const rate = received / seconds;
  if (bytes > received) {
    bar.max = bytes;
    bar.value = received;
    const left = BigInt(Math.round(((bytes - received) / rate) * 1e9));
    text.textContent = `${size(received)} of ${size(bytes)}, ${size(rate)}/s, ${span(left)} left`;
  } else text.textContent = `${size(received)}, ${size(rate)}/s`;
}

// A connection that is cut makes `read` fail, and with it the whole transfer.
async function transfer(address, { folder, key, handle, file }, signal, progress) {
  const started = performance.now();
  let received = 0;
  let name = 'fetch.pcap';
  try {
    const response = await request(address, { signal });
    const bytes = Number(response.headers.get('X-Pcap-Archiver-Bytes')) || expected();
    name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? name;
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      await file.write(part.value);
      received += part.value.length;
      progress({ received, bytes, started });
    }
    await file.close();
  } catch (error) {
    running?.abort();
    await file.abort().catch(() => {});
    await folder.removeEntry(key).catch(() => {});
    throw error;
  }
  const whole = URL.createObjectURL(await handle.getFile());
  hand(whole, name);
  setTimeout(() => {
    URL.revokeObjectURL(whole);
    folder.removeEntry(key).catch(() => {});
  }, STALE);
  toast(`${name}: ${size(received)}`);
}

/** Bytes of the file, by what the summary counted; the headers of pcapng are a little longer. */
function expected() {
  return summary ? FILE_HEADER + summary.packets * RECORD_HEADER + summary.captured_bytes : 0;
}

/** A file of the browser's, open for writing. */
async function place() {
  const folder = await cleared();
  const key = `${Date.now()}-${crypto.randomUUID()}`;
  const handle = await folder.getFileHandle(key, { create: true });
  return { folder, key, handle, file: await handle.createWritable() };
}

/** The folder for downloads, without what earlier pages left there. */
export async function cleared() {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  for await (const name of folder.keys()) {
    // A file that another page is still writing is locked, and stays.
    if (Date.now() - Number.parseInt(name, 10) > STALE) await folder.removeEntry(name).catch(() => {});
  }
  return folder;
}

function hand(address, name) {
  const link = element('a', { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}
