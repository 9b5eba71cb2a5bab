// Looks at a page as many people see it: no accessibility fault that axe finds, nothing refused by the content security policy, no
// complaint in the browser's console, nothing to scroll sideways. Pictures are left to be looked at.
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { must } from './report.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
/** How people look: light and dark, on a wide screen and on a phone, and on the narrowest phone there is. */
export const LOOKS = [
  { name: 'light', viewport: WIDE, colorScheme: 'light' },
  { name: 'dark', viewport: WIDE, colorScheme: 'dark' },
  { name: 'phone', viewport: PHONE, colorScheme: 'light' },
  { name: 'phone-dark', viewport: PHONE, colorScheme: 'dark' },
  { name: 'narrow', viewport: { width: 320, height: 568 }, colorScheme: 'light', quiet: true },
];

/** No picture is taller, in CSS pixels: what follows are more rows of the same. */
const TALLEST = 2400;

/** A browser of its own for one look. `look(what)` checks the page that is open now. */
export async function eyes(browser, { name, quiet, ...settings }, directory) {
  const context = await browser.newContext({ ...settings, deviceScaleFactor: quiet || settings.viewport.width > 600 ? 1 : 2 });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  await mkdir(directory, { recursive: true });
  const look = async (what, expected = []) => {
    const { wanted, given, height } = await page.evaluate(() => ({
      height: document.documentElement.scrollHeight,
      wanted: document.documentElement.scrollWidth,
      given: document.documentElement.clientWidth,
    }));
    must(wanted <= given, `${what} is ${wanted} px wide on a screen of ${given} px (${name})`);
    // By the debugger, which the policy of the page does not bind; so the policy stays in force for the page.
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
      return violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map((node) => node.target.join(' ')).slice(0, 3).join('; ')})`);
    });
    must(found.length === 0, `${what} (${name}): ${found.join('\n')}`);
    if (!quiet) {
      const clip = { x: 0, y: 0, width: given, height: Math.min(height, TALLEST) };
      await page.screenshot({ path: join(directory, `${what}-${name}.png`), fullPage: true, clip });
    }
    const rest = complaints.splice(0).filter((complaint) => !expected.some((known) => complaint.includes(known)));
    must(rest.length === 0, `${what} (${name}): the browser complains: ${rest.join('; ')}`);
  };
  return { context, page, look };
}
