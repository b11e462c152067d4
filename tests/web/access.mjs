// For everybody: by keyboard, by touch, in light and dark, from a phone to a wide screen.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, browse, faults, ready, rows, settled } from './browser.mjs';
import { everyday } from './captures.mjs';
import { STORES } from './program.mjs';

describe('access', () => {
  let archive;
  let address;
  before(async () => {
    archive = await STORES.embedded();
    await archive.ingest('everyday.pcap', everyday());
    address = await archive.serve();
  });
  after(() => archive?.remove());

  async function within(options, work) {
    const browser = await browse(options);
    try {
      await work(browser.page);
      await browser.clean(address);
    } finally {
      await browser.close();
    }
  }

  for (const colorScheme of ['light', 'dark']) {
    for (const width of [390, 1280, 1920]) {
      test(`axe-core finds nothing: ${colorScheme}, ${width} pixels`, () => within({ colorScheme, width, height: 900 }, async (page) => {
        const look = async (what) => assert.deepEqual(await faults(page), [], what);
        await ready(page, address);
        await look('the table');
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out at the side');
        await page.locator('#grid .rows .row').nth(3).click();
        await page.getByRole('tree').waitFor();
        await page.locator('.tree .layer > .label').first().click();
        await look('a packet');
        await page.keyboard.press('f');
        await look('its fields');
        await page.keyboard.press('c');
        await page.getByText('The whole conversation').waitFor();
        await look('its conversation');
        await page.keyboard.press('Escape');
        await page.keyboard.press('?');
        await look('the help');
        await page.keyboard.press('Escape');
        await page.keyboard.press('d');
        await page.locator('#download').getByText(/captured/).waitFor();
        await look('the download');
        await page.keyboard.press('Escape');
        await page.click('#range');
        await look('the time range');
        await page.keyboard.press('Escape');
        if (width < 800) {
          await page.getByRole('button', { name: 'Summary' }).click();
          await look('the summary');
          await page.getByRole('button', { name: 'Packets' }).click();
        }
        await ask(page, 'tcp and and');
        await page.locator('#query-error').waitFor();
        await look('an error in the query');
        await ask(page, 'host 203.0.113.99');
        await page.getByRole('heading', { name: 'No packet matches' }).waitFor();
        await look('no packet');
      }));
    }
  }

  test('by keyboard alone: ask, zoom, open, read, follow, close', () => within({}, async (page) => {
    const press = (...keys) => keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());
    await ready(page, address);
    await press('/');
    await page.keyboard.type('tcp port 80');
    await press('Enter');
    await page.getByText('All 8 packets.').waitFor();
    // Into the page from its beginning: the first stop leads past everything to the packets.
    await page.reload();
    await page.getByText('All 8 packets.').waitFor();
    await press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the packets');
    await press('Enter', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'Enter');
    await page.getByRole('tree').waitFor();
    await page.locator('#grid [aria-selected=true]', { hasText: /GET \S*\/greeting/ }).waitFor();
    await page.locator('.tree').getByRole('treeitem').first().focus();
    await press('ArrowDown');
    const first = await page.locator('.tree [aria-selected=true] > .label .name').innerText();
    await press('End', 'ArrowLeft', 'ArrowLeft');
    assert.notEqual(await page.locator('.tree [aria-selected=true] > .label .name').innerText(), first);
    await page.focus('.hex');
    await press('Home', 'ArrowDown', 'ArrowRight');
    // Drawn with the next frame of the screen, which may be later than the key.
    await page.locator('.hex .digits .cursor[data-byte="17"]').waitFor();
    await press('c');
    await page.getByText('The whole conversation: 8 packets.').waitFor();
    await press('j');
    await settled(page);
    await press('Escape');
    await page.locator('#detail.open').waitFor({ state: 'detached' });
    // The timeline has two sliders.
    await press('/', 'Control+a', 'Delete', 'Enter');
    await settled(page);
    await press('Escape');
    await page.evaluate(() => document.activeElement.blur());
    await press('h');
    for (let step = 0; step < 20; step += 1) await press('ArrowRight');
    await press('Tab', 'End');
    for (let step = 0; step < 20; step += 1) await press('ArrowLeft');
    await page.locator('.hint').waitFor();
    await page.locator('.edge:focus[aria-valuetext^="2025-11-25 10:"]').waitFor();
    await press('Enter');
    await page.waitForURL(/since=.*until=/);
    await settled(page);
    assert.ok((await rows(page)).length > 0);
    await press('Escape', 't');
    await page.getByRole('dialog', { name: 'Time range' }).waitFor();
    await press('Escape', '?');
    await page.getByRole('heading', { name: 'Keyboard' }).waitFor();
    await press('Escape');
  }));

  test('the timeline by touch', () => within({ width: 390, height: 844, hasTouch: true, isMobile: true }, async (page) => {
    await ready(page, address);
    const box = await page.locator('#histogram svg').boundingBox();
    const touch = await page.context().newCDPSession(page);
    const send = (type, share) => touch.send('Input.dispatchTouchEvent', {
      type, touchPoints: type === 'touchEnd' ? [] : [{ x: box.x + 44 + (box.width - 44) * share, y: box.y + box.height / 2 }],
    });
    await send('touchStart', 0.3);
    for (const share of [0.35, 0.4, 0.5, 0.6]) await send('touchMove', share);
    await send('touchEnd');
    await page.waitForURL(/since=2025-11-25T10%3A1.*until=2025-11-25T10%3A3/);
    await settled(page);
    assert.ok((await rows(page)).length > 0);
  }));

  test('the theme that was chosen stays', () => within({ colorScheme: 'light' }, async (page) => {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await ready(page, address);
    const light = await ground();
    await page.keyboard.press('m');
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.reload();
    assert.equal(await ground(), dark);
  }));
});
