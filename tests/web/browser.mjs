// A real Chromium, and what every page in it must keep to.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const QUIET = ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--no-first-run',
  '--disable-component-update', '--disable-sync', '--disable-default-apps', '--no-default-browser-check'];

/** A browser with a profile of its own that is gone afterwards. */
export async function browse({ width = 1280, height = 800, ...options } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'pcap-archiver-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: QUIET, viewport: { width, height }, acceptDownloads: true, timezoneId: 'Europe/Berlin', ...options,
  });
  const complaints = [];
  const addresses = [];
  context.on('request', (request) => addresses.push(request.url()));
  await context.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
  });
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // The browser itself notes each answer that is not 2xx; those are looked at where they matter.
    if (['error', 'warning'].includes(message.type()) && !/^Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  return {
    page, context,
    /** No error, nothing that the policy had to stop, no request to anywhere else. */
    async clean(origin) {
      assert.deepEqual(complaints, [], 'the console is silent');
      assert.deepEqual(await page.evaluate(() => window.violations), [], 'nothing was against the policy');
      const elsewhere = addresses.filter((address) => !address.startsWith(`${origin}/`) && !/^(blob|data|about):/.test(address));
      assert.deepEqual(elsewhere, [], 'no request leaves the server');
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** Opens the page and waits for its first packets. */
export async function ready(page, address) {
  await page.goto(address);
  await page.locator('#grid .rows .row').first().waitFor();
  await settled(page);
}

/** Rows and bytes are drawn with the next frame of the screen, which may be later than what set it off. */
async function drawn(page) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Nothing is being asked any more. What a key or a click sets off may begin with the next frame. */
export async function settled(page) {
  await drawn(page);
  await page.locator('#busy').waitFor({ state: 'hidden' });
}

/** What axe-core finds against accessibility, as one line each. */
export async function faults(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`));
}

/** The first packets as text, one line each. */
export async function rows(page) {
  await drawn(page);
  return page.locator('#grid .rows .row').allInnerTexts();
}

/** Types a query and waits for its answer. */
export async function ask(page, query) {
  await page.fill('#query', query);
  await page.keyboard.press('Escape');
  await page.locator('#query').press('Enter');
  await settled(page);
}
