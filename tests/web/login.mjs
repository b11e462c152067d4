// Nobody sees a packet without a log-in where there is one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browse, faults, settled } from './browser.mjs';
import { everyday } from './captures.mjs';
import { account, STORES } from './program.mjs';

const PASSWORD = 'correct horse battery staple';

const WAYS = {
  users: {
    store: 'embedded',
    async prepare(archive) {
      const users = `${archive.folder}/users`;
      await archive.run(['user', 'add', 'ada', '--users', users], `${PASSWORD}\n`);
      return ['--auth', 'users', '--users', users];
    },
    person: async () => ({ user: 'ada', password: PASSWORD }),
  },
  elasticsearch: { store: 'elasticsearch', prepare: async () => ['--auth', 'elasticsearch'], person: account },
};

for (const [way, { store, prepare, person }] of Object.entries(WAYS)) {
  describe(way, () => {
    let archive;
    let address;
    let browser;
    let page;

    before(async () => {
      archive = await STORES[store]();
      await archive.ingest('everyday.pcap', everyday());
      address = await archive.serve(await prepare(archive));
      browser = await browse();
      page = browser.page;
    });
    after(async () => {
      await browser?.close();
      await archive?.remove();
    });

    test(`${way}: no answer without a log-in`, async () => {
      for (const path of ['packets', 'packets/00', 'histogram', 'summary', 'status', 'fields', 'conversation/1:x', 'pcap', 'pcapng', 'check']) {
        const response = await fetch(`${address}/api/v1/${path}`);
        assert.equal(response.status, 401, path);
        assert.doesNotMatch(await response.text(), /192\.0\.2\./);
      }
    });

    test(`${way}: a wrong password is refused, the right one goes on to what the link asked for`, async () => {
      const { user, password } = await person();
      await page.goto(`${address}/?q=${encodeURIComponent('port 80')}`);
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
      assert.equal(await page.locator('#grid .rows .row').count(), 0);
      assert.deepEqual(await faults(page), []);
      await page.getByLabel('User').fill(user);
      await page.getByLabel('Password').fill('wrong');
      await page.keyboard.press('Enter');
      await page.locator('#login [role=alert]').waitFor();
      assert.equal(await page.locator('#grid .rows .row').count(), 0);
      await page.getByLabel('Password').fill(password);
      await page.keyboard.press('Enter');
      await page.getByText('All 8 packets.').waitFor();
      assert.equal(await page.innerText('#user'), user);
      const [cookie] = await browser.context.cookies();
      assert.equal(cookie.httpOnly, true);
      assert.equal(cookie.sameSite, 'Strict');
      assert.doesNotMatch(await page.evaluate(() => document.cookie + JSON.stringify(localStorage)), new RegExp(cookie.value));
      await browser.clean(address);
    });

    test(`${way}: after leaving, and when the session is gone, the log-in is back`, async () => {
      const { user, password } = await person();
      await browser.context.clearCookies();
      await page.fill('#query', 'host 198.51.100.7');
      await page.locator('#query').press('Enter');
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
      await page.getByLabel('User').fill(user);
      await page.getByLabel('Password').fill(password);
      await page.keyboard.press('Enter');
      await page.getByText('All 8 packets.').waitFor();
      await settled(page);
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
      assert.equal(await page.locator('#grid .rows .row').count(), 0);
      const status = await page.evaluate(() => fetch('/api/v1/packets').then((response) => response.status));
      assert.equal(status, 401);
    });
  });
}
