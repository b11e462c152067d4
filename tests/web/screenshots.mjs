// The pictures in docs/: the page at three widths, light and dark.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ask, browse, ready } from './browser.mjs';
import { office } from './office.mjs';
import { STORES } from './program.mjs';

const [folder] = process.argv.slice(2);
const HEIGHTS = { 390: 844, 1280: 800, 1920: 1080 };

const archive = await STORES.embedded();
try {
  await archive.ingest('office.pcap', office());
  const address = await archive.serve();
  for (const [width, height] of Object.entries(HEIGHTS)) {
    for (const colorScheme of ['light', 'dark']) {
      const { page, close } = await browse({ width: Number(width), height, colorScheme });
      const picture = async (name) => {
        await page.mouse.move(0, 0);
        const path = join(folder, `page-${name}-${width}-${colorScheme}.png`);
        await page.screenshot({ path });
        execFileSync('pngquant', ['--force', '--skip-if-larger', '--speed', '1', '--output', path, '64', path]);
      };
      try {
        await ready(page, address);
        await picture('packets');
        await ask(page, 'network.protocol:http');
        await page.locator('#grid .rows .row', { hasText: 'GET' }).first().click();
        await page.locator('.tree .layer > .label').last().click();
        await picture('packet');
        await page.keyboard.press('c');
        await page.locator('.said pre').first().waitFor();
        if (width === '1280') await picture('conversation');
      } finally {
        await close();
      }
    }
  }
} finally {
  await archive.remove();
}
