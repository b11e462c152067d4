// Whoever sends packets past the tap writes to this page. It stays text.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, browse, ready, rows } from './browser.mjs';
import { HOSTILE, hostile } from './captures.mjs';
import { STORES } from './program.mjs';

for (const [store, open] of Object.entries(STORES)) {
  describe(store, () => {
    let archive;
    let address;
    let browser;
    let page;

    before(async () => {
      archive = await open();
      await archive.ingest('<img src=x onerror=window.pwned=6>.pcap', hostile());
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
      assert.equal(await page.evaluate(() => window.pwned), undefined, 'nothing has run');
      assert.equal(await page.locator('main script, main svg[onload], main img, main a').count(), 0, 'no markup has come in');
      await browser.clean(address);
    });

    named('markup in a URL, a user agent and names stays text in the table', async () => {
      await ready(page, address);
      const all = (await rows(page)).join('\n');
      assert.match(all, /<script>window\.pwned=1<\/script>/);
      assert.match(all, /<script>window\.pwned=5<\/script>\.example\.org/);
      assert.match(all, /"'><img src=x onerror=window\.pwned=5>/);
    });

    named('and in layers, fields and the conversation', async () => {
      await ready(page, `${address}/?q=${encodeURIComponent('"onerror=window.pwned=2"')}`);
      await page.locator('#grid .rows .row').first().click();
      await page.getByRole('tree').waitFor();
      assert.match(await page.getByRole('tree').textContent(), /<img src=x onerror=window\.pwned=2>/);
      assert.match(await page.locator('.facts').textContent(), /<img src=x onerror=window\.pwned=6>\.pcap/);
      await page.getByRole('tab', { name: 'Fields' }).click();
      assert.match(await page.locator('.stored').textContent(), /<img src=x onerror=window\.pwned=2>/);
      await page.getByRole('tab', { name: 'Conversation' }).click();
      await page.getByText('The whole conversation').waitFor();
      const said = await page.locator('.said').textContent();
      for (const part of HOSTILE.slice(0, 4)) assert.ok(said.includes(part), `${part} is to be read`);
      assert.ok(said.includes('<html><script>'));
    });

    named('what turns the direction of text is written out', async () => {
      await ready(page, `${address}/?q=${encodeURIComponent('"onerror=window.pwned=2"')}`);
      await page.locator('#grid .rows .row').first().click();
      await page.getByRole('tab', { name: 'Fields' }).click();
      assert.doesNotMatch(await page.locator('body').textContent(), /\u202e/);
    });

    named('in the query, its error and the URL too', async () => {
      await page.goto(`${address}/?q=${encodeURIComponent('<img src=x onerror=window.pwned=7> and')}`);
      await page.locator('#query-error .caret').waitFor();
      await ask(page, 'dns.question.name:"<script>window.pwned=5</script>.example.org"');
      await page.getByText('One packet.').waitFor();
      await page.locator('#grid .rows .row').first().click();
      await page.getByRole('tab', { name: 'Fields' }).click();
      await page.getByRole('button', { name: /^Only dns\.question\.name:"<script>/ }).click();
      await page.getByText('One packet.').waitFor();
    });
  });
}
