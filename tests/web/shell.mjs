// The page itself: small, its own, there before any store answers; and what it says when there is nothing.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { ask, browse, ready } from './browser.mjs';
import { everyday } from './captures.mjs';
import { STORES } from './program.mjs';

const FOLDER = new URL('../../src/web/page/', import.meta.url);
const LARGEST = 200_000;

describe('the page', () => {
  let archive;
  let address;
  before(async () => {
    archive = await STORES.embedded();
    address = await archive.serve();
  });
  after(() => archive?.remove());

  test('all of its files are in the program, below 200 kB', async () => {
    let total = 0;
    for (const name of await readdir(FOLDER)) {
      if (name.endsWith('.rs')) continue;
      const response = await fetch(`${address}/${name === 'index.html' ? '' : name}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      assert.deepEqual(bytes, await readFile(new URL(name, FOLDER)), name);
      assert.match(response.headers.get('Content-Security-Policy'), /default-src 'none'/);
      assert.doesNotMatch(response.headers.get('Content-Security-Policy'), /unsafe/);
      assert.equal(response.headers.get('X-Content-Type-Options'), 'nosniff');
      total += bytes.length;
    }
    console.log(`page: ${total} bytes uncompressed`);
    assert.ok(total < LARGEST, `${total} bytes`);
  });

  test('an empty archive says how to fill it, and fills', async () => {
    const { page, clean, close } = await browse();
    try {
      await page.goto(address);
      await page.getByRole('heading', { name: 'The archive is empty' }).waitFor();
      await page.getByText(`pcap-archiver --store ${archive.environment.PCAP_ARCHIVER_STORE} ingest captures/`, { exact: true }).waitFor();
      await archive.ingest('everyday.pcap', everyday());
      await page.locator('#grid .rows .row').first().waitFor();
      await page.getByRole('heading', { name: 'The archive is empty' }).waitFor({ state: 'detached' });
      await clean(address);
    } finally {
      await close();
    }
  });

  test('what a budget has ended says that it is partial', async () => {
    const small = await archive.serve(['--max-packets', '300']);
    const { page, clean, close } = await browse();
    try {
      await ready(page, `${small}/?q=${encodeURIComponent('not "zzz-nowhere"')}`);
      await page.getByText(/is partial/).first().waitFor();
      await clean(small);
    } finally {
      await close();
    }
  });

  test('a download that is cut off is said, and nothing of it is kept', async () => {
    const small = await archive.serve(['--max-download-packets', '300']);
    const { page, clean, close } = await browse();
    try {
      const files = [];
      page.on('download', (file) => files.push(file));
      // How many packets there will be is not known beforehand, so the server has to begin.
      await ready(page, `${small}/?q=${encodeURIComponent('not "zzz-nowhere"')}`);
      await page.getByRole('button', { name: 'Download' }).click();
      await page.locator('#download').getByRole('button', { name: 'Download' }).click();
      await page.locator('#download .fault', { hasText: /^Cut off, nothing was kept/ }).waitFor();
      assert.deepEqual(files, []);
      assert.deepEqual(await kept(page), []);
      await clean(small);
    } finally {
      await close();
    }
  });

  test('a download shows how far it is, and can be stopped', async () => {
    const proxy = await between(address);
    const { page, clean, close } = await browse();
    try {
      await ready(page, proxy.url);
      await page.getByRole('button', { name: 'Download' }).click();
      const dialog = page.locator('#download');
      await dialog.getByText(/packets, .* captured/).waitFor();
      proxy.stall(30_000);
      await dialog.getByRole('button', { name: 'Download' }).click();
      await dialog.getByText(/^[\d.]+ kB of [\d.]+ kB, .*\/s, .* left$/).waitFor();
      const { value, max } = await dialog.getByRole('progressbar').evaluate(({ value, max }) => ({ value, max }));
      assert.ok(value > 0 && value < max, `${value} of ${max}`);
      assert.notDeepEqual(await kept(page), []);
      // It goes on without its box.
      await dialog.getByRole('button', { name: 'Close' }).click();
      await page.getByRole('button', { name: 'Download' }).click();
      await dialog.getByRole('button', { name: 'Stop' }).click();
      await dialog.getByText('Stopped; nothing was kept.').waitFor();
      assert.deepEqual(await kept(page), []);
      await clean(proxy.url);
    } finally {
      await close();
      await proxy.close();
    }
  });

  test('a host name that the archive has no address of is said', async () => {
    const { page, clean, close } = await browse();
    try {
      await ready(page, address);
      const said = page.locator('#notices').getByText('no DNS answer in the archive tells an address of nowhere.example');
      await ask(page, 'host nowhere.example');
      await said.waitFor();
      await ask(page, 'udp');
      await said.waitFor({ state: 'detached' });
      await clean(address);
    } finally {
      await close();
    }
  });

  test('a server that goes away is said', async () => {
    const { page, close } = await browse();
    try {
      const gone = await archive.serve();
      await ready(page, gone);
      await archive.stop();
      address = await archive.serve();
      await page.fill('#query', 'udp');
      await page.locator('#query').press('Enter');
      await page.getByText('the server does not answer').first().waitFor();
    } finally {
      await close();
    }
  });
});

/** Names of what is in the page's private disk space. */
function kept(page) {
  return page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('downloads');
    return Array.fromAsync(folder.keys());
  });
}

/** A server in between that can stop answering, at once or behind some bytes. */
async function between(url) {
  const { protocol, hostname, port } = new URL(url);
  const sockets = new Set();
  let left = Infinity;
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.on('data', (part) => left > 0 && upstream.write(part)).on('close', () => upstream.destroy());
    upstream.on('data', (part) => {
      client.write(part.subarray(0, left));
      left -= Math.min(left, part.length);
    }).on('close', () => client.destroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${protocol}//${hostname}:${server.address().port}`,
    stall: (bytes = 0) => { left = bytes; },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('the page is painted while Elasticsearch does not answer', async () => {
  const archive = await STORES.elasticsearch();
  const proxy = await between(archive.environment.PCAP_ARCHIVER_STORE);
  const { page, clean, close } = await browse();
  try {
    await archive.ingest('everyday.pcap', everyday());
    const address = await archive.serve([], { PCAP_ARCHIVER_STORE: proxy.url });
    await ready(page, address);
    proxy.stall();
    await page.goto(`${address}/?q=udp`);
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
    assert.ok(await page.getByRole('button', { name: 'Search' }).isVisible());
    assert.equal(await page.inputValue('#query'), 'udp');
    assert.ok(await page.locator('#busy').isVisible(), 'it says that it waits');
    assert.equal(await page.locator('#grid .rows .row').count(), 0);
    await clean(address);
  } finally {
    await close();
    await proxy.close();
    await archive.remove();
  }
});
