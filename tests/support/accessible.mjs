// Looks at a page as people do who see little, hear it read, or use no mouse.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

const SCREENSHOTS = process.env.LOOPCAST_SCREENSHOTS;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// To be put into each document of a page that is looked at (openPage's `init`).
export const AXE = { content: axe };

const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
// WCAG 1.4.10: as wide as 1280 px at four times the size.
const NARROW = { width: 320, height: 640 };

async function settle(page) {
  await page.mouse.move(0, 0);
  await page.evaluate(async () => {
    await document.fonts.ready;
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const passing = document.getAnimations().filter((a) => a.effect?.getComputedTiming().iterations !== Infinity);
    for (const animation of passing) animation.finish();
  });
}

async function picture(page, name) {
  if (!SCREENSHOTS) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}

// What the rules of axe find, and what can be reached by the tab key without being there to see.
async function faults(page) {
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, {
      resultTypes: ['violations'],
      rules: { 'label-content-name-mismatch': { enabled: true } },
    });
    const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
    for (const element of document.querySelectorAll('a[href], button, input, select, textarea, [tabindex="0"]')) {
      const { width, height } = element.getBoundingClientRect();
      const hidden = width * height === 0 && element.checkVisibility() && element.tabIndex >= 0;
      if (hidden && !element.closest('[inert]')) found.push(`hidden in the tab order: ${element.outerHTML.slice(0, 160)}`);
    }
    return found;
  });
}

async function reflows(page, where) {
  const { width, wide } = await page.evaluate(() => {
    const root = document.documentElement;
    const edge = root.clientWidth;
    const wide = [...document.body.querySelectorAll('*')]
      .filter((e) => e.getBoundingClientRect().right > edge + 1)
      .slice(0, 5)
      .map((e) => e.outerHTML.slice(0, 90));
    return { width: Math.max(root.scrollWidth, document.body.scrollWidth), wide };
  });
  assert.ok(width <= NARROW.width, `${where}: ${width} px wide at ${NARROW.width}: ${wide.join('\n')}`);
}

// The page as it is now: light and wide, dark and on a telephone, and no wider than the narrowest screen. With
// LOOPCAST_SCREENSHOTS=<folder> each is kept as a picture.
export async function isAccessible(page, name) {
  const found = [];
  for (const [theme, viewport, size] of [['light', WIDE, '1280'], ['dark', PHONE, '390']]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize(viewport);
    await settle(page);
    found.push(...(await faults(page)).map((fault) => `${theme}, ${size}: ${fault}`));
    await picture(page, `${name}-${size}-${theme}`);
    if (!SCREENSHOTS) continue;
    await page.emulateMedia({ colorScheme: theme === 'light' ? 'dark' : 'light' });
    await settle(page);
    await picture(page, `${name}-${size}-${theme === 'light' ? 'dark' : 'light'}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(NARROW);
  await settle(page);
  await picture(page, `${name}-320`);
  await reflows(page, name).finally(() => page.setViewportSize(WIDE));
  assert.deepEqual(found, [], name);
}

// Only that it is not wider than the narrowest screen.
export async function fitsNarrow(page, name) {
  await page.setViewportSize(NARROW);
  await settle(page);
  await picture(page, `${name}-320`);
  await reflows(page, name).finally(() => page.setViewportSize(WIDE));
}
