// An analyst's way: ask, narrow, look, follow, take along. The same on both stores.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { ask, browse, ready, rows, settled } from './browser.mjs';
import { AROUND, everyday } from './captures.mjs';
import { STORES } from './program.mjs';

for (const [store, open] of Object.entries(STORES)) {
  describe(store, () => {
    let archive;
    let address;
    let browser;
    let page;

    before(async () => {
      archive = await open();
      await archive.ingest('everyday.pcap', everyday());
      address = await archive.serve();
      browser = await browse();
      page = browser.page;
    });
    after(async () => {
      await browser?.close();
      await archive?.remove();
    });
    const named = (name, work) => test(`${store}: ${name}`, async () => {
      await work();
      await browser.clean(address);
    });

    const letters = async () => (await page.locator('.hex .letters').allInnerTexts()).join('');

    named('everything at first, and more by scrolling', async () => {
      await ready(page, address);
      assert.match(await page.innerText('#figures'), new RegExp(`^${AROUND + 8} packets`));
      assert.match(await page.innerText('#figures'), /2025-11-25 10:00:00\.000 – 2025-11-25 10:59:56\.000 UTC/);
      assert.match((await rows(page))[0], /^2025-11-25 10:00:00\.000000\s+192\.0\.2\.10:50000\s+192\.0\.2\.53:53\s+dns/);
      const drawn = await page.locator('#grid .rows .row').count();
      assert.ok(drawn < 100, `${drawn} rows are in the document`);
      await page.focus('#grid');
      const all = page.getByText(`All ${AROUND + 8} packets.`);
      for (let pages = 0; pages < 20 && !await all.isVisible(); pages += 1) {
        await page.keyboard.press('End');
        await settled(page);
      }
      await all.waitFor();
      await page.keyboard.press('End');
      await page.locator('#grid .rows .row', { hasText: '10:59:56.000000' }).waitFor();
    });

    named('a query, in the URL and in the history', async () => {
      await ready(page, address);
      await ask(page, 'host 203.0.113.80 and port 80');
      await page.getByText('All 8 packets.').waitFor();
      assert.equal(new URL(page.url()).searchParams.get('q'), 'host 203.0.113.80 and port 80');
      await page.reload();
      await page.getByText('All 8 packets.').waitFor();
      assert.equal(await page.inputValue('#query'), 'host 203.0.113.80 and port 80');
      await page.goBack();
      await page.getByText(`of ${AROUND + 8} loaded`).waitFor();
      assert.equal(await page.inputValue('#query'), '');
    });

    named('what is not understood has a caret under it', async () => {
      await ready(page, address);
      await ask(page, 'tcp and port and udp');
      await page.locator('#query-error .caret').waitFor();
      const place = await page.locator('#query-error .caret').innerText();
      assert.match(place, /\^/);
      const box = await page.locator('#query').boundingBox();
      const caret = await page.evaluate(() => {
        const node = document.querySelector('#query-error .caret').lastChild;
        const range = document.createRange();
        range.selectNode(node);
        return range.getBoundingClientRect().toJSON();
      });
      const one = await page.evaluate(() => {
        const canvas = document.createElement('canvas').getContext('2d');
        const { fontSize, fontFamily } = getComputedStyle(document.getElementById('query'));
        canvas.font = `${fontSize} ${fontFamily}`;
        return canvas.measureText('0').width;
      });
      const column = Math.round((caret.x - box.x - 11) / one);
      assert.equal('tcp and port and udp'.slice(column, column + 3), 'and', `the caret is at column ${column}`);
      assert.equal(column, 13);
      assert.equal(await page.getAttribute('#query', 'aria-invalid'), 'true');
      await ask(page, 'tcp');
      await page.locator('#query-error').waitFor({ state: 'hidden' });
    });

    named('completion of words, fields and what is there', async () => {
      await ready(page, address);
      await page.fill('#query', '');
      await page.locator('#query').pressSequentially('por');
      await page.locator('#completions [role=option]').first().waitFor();
      assert.match((await page.locator('#completions [role=option]').allInnerTexts())[0], /^port/);
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      assert.equal(await page.inputValue('#query'), 'port ');
      await page.getByRole('option', { name: /^53 seen here/ }).click();
      assert.equal(await page.inputValue('#query'), 'port 53 ');
      await page.locator('#query').pressSequentially('and dns.question.na');
      await page.keyboard.press('Tab');
      assert.equal(await page.inputValue('#query'), 'port 53 and dns.question.name:');
      await page.locator('#query').pressSequentially('host-3.example.org');
      await page.keyboard.press('Enter');
      await page.getByText(/All \d+ packets\./).waitFor();
      const found = await rows(page);
      assert.ok(found.length > 10 && found.every((row) => row.includes('host-3.example.org')), found[0]);
    });

    named('a click in the summary narrows, and leaves out', async () => {
      await ready(page, address);
      await page.getByRole('button', { name: /^192\.0\.2\.11 / }).click();
      await settled(page);
      assert.equal(await page.inputValue('#query'), 'related.ip:192.0.2.11');
      await page.locator('.tops li', { hasText: 'dns' }).hover();
      await page.getByRole('button', { name: 'Without network.protocol:dns' }).click();
      await settled(page);
      assert.equal(await page.inputValue('#query'), 'related.ip:192.0.2.11 and not network.protocol:dns');
      const found = await rows(page);
      assert.ok(found.length > 0 && found.every((row) => row.includes('192.0.2.11') || row.includes('arp')));
      assert.ok(found.every((row) => !/\bdns\b/.test(row)));
    });

    named('a stretch of the timeline, with the mouse', async () => {
      await ready(page, address);
      const box = await page.locator('#histogram svg').boundingBox();
      const y = box.y + box.height / 2;
      await page.mouse.move(box.x + 44 + (box.width - 44) * 0.25, y);
      await page.mouse.down();
      await page.mouse.move(box.x + 44 + (box.width - 44) * 0.4, y, { steps: 5 });
      await page.mouse.move(box.x + 44 + (box.width - 44) * 0.5, y, { steps: 5 });
      await page.mouse.up();
      await page.waitForURL(/since=/);
      await settled(page);
      const { since, until } = Object.fromEntries(new URL(page.url()).searchParams);
      assert.ok(since.startsWith('2025-11-25T10:1') && until.startsWith('2025-11-25T10:'), `${since} – ${until}`);
      const found = await archive.fetch('', '--since', since, '--until', until);
      const counted = Number((await page.innerText('#figures strong >> nth=0')).replaceAll(',', ''));
      assert.equal(counted, recordsOf(found).length);
      assert.ok(counted > 150 && counted < 300, `${counted} packets in a quarter of the hour`);
      await page.getByRole('button', { name: 'Zoom out' }).click();
      await page.waitForFunction((before) => Number(
        document.querySelector('#figures strong')?.innerText.replaceAll(',', '')) > before, counted);
    });

    named('a time range, in the zone that is shown', async () => {
      await ready(page, address);
      await page.click('#range');
      await page.getByRole('radio', { name: /Europe\/Berlin/ }).check();
      await page.getByLabel('From').fill('2025-11-25 11:30:00');
      await page.getByLabel('To', { exact: true }).fill('2025-11-25 11:30:59.5');
      await page.getByRole('button', { name: 'Apply' }).click();
      await settled(page);
      assert.equal(new URL(page.url()).searchParams.get('since'), '2025-11-25T10:30:00.000000000Z');
      assert.match(await page.innerText('#range'), /2025-11-25 11:30:00 – .*Europe\/Berlin/);
      const expected = recordsOf(await archive.fetch('', '--since', '2025-11-25T10:30:00Z', '--until', '2025-11-25T10:30:59.5Z'));
      await page.getByText(`All ${expected.length} packets.`).waitFor();
      assert.match((await rows(page))[0], /^2025-11-25 11:30:00/);
      await page.click('#range');
      await page.getByRole('button', { name: 'Last hour' }).click();
      await page.getByRole('heading', { name: 'No packet matches' }).waitFor();
      await page.getByRole('button', { name: 'Search all time' }).click();
      await page.getByText(`of ${AROUND + 8} loaded`).waitFor();
    });

    named('the zone, in the URL', async () => {
      const zone = () => new URL(page.url()).searchParams.get('zone');
      const first = (clock) => page.locator('#grid .rows .row', { hasText: `2025-11-25 ${clock}:00:00.000000` }).waitFor();
      await ready(page, `${address}/?zone=local`);
      await first('11');
      assert.match(await page.innerText('#range'), /Europe\/Berlin$/);
      await page.click('#range');
      await page.getByRole('radio', { name: 'UTC' }).check();
      await first('10');
      assert.equal(zone(), null);
      await page.getByRole('radio', { name: /Europe\/Berlin/ }).check();
      await first('11');
      assert.equal(zone(), 'local');
      await page.reload();
      await first('11');
    });

    named('a packet: layers and bytes show each other', async () => {
      await ready(page, `${address}/?q=${encodeURIComponent('"GET /greeting"')}`);
      await page.getByText('One packet.').waitFor();
      await page.locator('#grid .rows .row').first().click();
      const tree = page.getByRole('tree');
      await tree.waitFor();
      assert.match(page.url(), /packet=[\w-]{22}/);
      const names = (await tree.locator('.layer > .label .name').allInnerTexts()).join(' ');
      assert.match(names, /ethernet.*ipv4.*tcp.*http/);
      await tree.locator('.layer', { hasText: 'ipv4' }).first().locator('> .label').click();
      const marked = page.locator('.hex .digits .marked');
      await marked.nth(19).waitFor();
      assert.equal(await marked.count(), 20, 'an IPv4 header is marked');
      assert.equal((await marked.first().innerText()).trim(), '45');
      // The other way round: the first byte of the TCP header belongs to TCP.
      await page.locator('.hex .digits [data-byte="34"]').click();
      await page.locator('.place', { hasText: /0x0022 · tcp/ }).waitFor();
      await tree.locator('.layer[aria-selected=true], .field[aria-selected=true]').waitFor();
      assert.match(await letters(), /GET \/greeting HTTP/);
      await page.getByRole('tab', { name: 'Fields' }).click();
      await page.getByText('user_agent.original').waitFor();
      await page.reload();
      await page.getByRole('tree').waitFor();
    });

    named('the link to a packet is copied, and is one', async () => {
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await ready(page, `${address}/?q=${encodeURIComponent('"GET /greeting"')}`);
      await page.locator('#grid .rows .row').first().click();
      await page.getByRole('tree').waitFor();
      await page.getByRole('button', { name: 'Copy link' }).click();
      await page.getByText('The link is copied.').waitFor();
      const link = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(link, page.url());
      const id = new URL(link).searchParams.get('packet');
      // As Kibana links to a packet.
      for (const other of [link, `${address}/?id=${id}`]) {
        await page.goto('about:blank');
        await page.goto(other);
        await page.getByRole('tree').locator('.layer', { hasText: 'http' }).first().waitFor();
        assert.match(await letters(), /GET \/greeting/);
      }
    });

    named('the whole conversation, both directions', async () => {
      await ready(page, `${address}/?q=${encodeURIComponent('"GET /greeting"')}`);
      await page.locator('#grid .rows .row').first().click();
      await page.getByRole('tab', { name: 'Conversation' }).click();
      await page.getByText('The whole conversation: 8 packets.').waitFor();
      const [out] = await page.locator('.said .from-0 pre').allInnerTexts();
      const [back] = await page.locator('.said .from-1 pre').allInnerTexts();
      assert.match(out, /^GET \/greeting HTTP\/1\.1\nHost: www\.example\.org\nUser-Agent: tester/);
      assert.match(back, /Hello from the other side/);
      assert.match(await page.innerText('.between'), /198\.51\.100\.7:40000.*203\.0\.113\.80:80/s);
      await page.getByRole('button', { name: 'Only these packets' }).click();
      await page.getByText('All 8 packets.').waitFor();
      // As Kibana links to it.
      const id = new URL(page.url()).searchParams.get('community_id');
      await page.goto(`${address}/?community_id=${encodeURIComponent(id)}`);
      await page.getByText('The whole conversation: 8 packets.').waitFor();
      await page.getByText('All 8 packets.').waitFor();
    });

    for (const format of ['pcap', 'pcapng']) {
      named(`a download as ${format} is what fetch gives`, async () => {
        await ready(page, address);
        await ask(page, 'port 53 or port 80');
        const expected = await archive.fetch('port 53 or port 80', '--format', format);
        await page.getByRole('button', { name: 'Download' }).click();
        const amount = page.locator('#download .amount');
        await amount.getByText(/233 packets, [\d.]+ kB captured/).waitFor();
        await page.getByRole('radio', { name: new RegExp(`^${format} `) }).check();
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.locator('#download').getByRole('button', { name: 'Download' }).click(),
        ]);
        assert.match(download.suggestedFilename(), new RegExp(`^fetch-.*\\.${format}$`));
        assert.deepEqual(await readFile(await download.path()), expected);
        assert.equal(await download.failure(), null);
      });
    }
  });
}

/** The records of a pcap file. */
function recordsOf(file) {
  const records = [];
  for (let at = 24; at < file.length; at += 16 + file.readUInt32LE(at + 8)) records.push(at);
  return records;
}
