// That lib/look.mjs finds what it is there to find: on a page of ours that somebody has broken.
//
//   tests/clients/run ../browser/faults.mjs ISSUER
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from '../clients/lib/browser.mjs';
import { LOOKS, eyes } from '../clients/lib/look.mjs';
import { main, must, Report, Usage } from '../clients/lib/report.mjs';

const FAULTS = {
  'a field without a label': [() => document.querySelector('label[for=username]').remove(), 'label'],
  'a script that the policy refuses': [
    () => document.body.append(Object.assign(document.createElement('script'), { textContent: '1' })),
    'complains',
  ],
  'something too wide': [() => document.querySelector('main').style.setProperty('width', '900vw'), 'px wide'],
};

await main(async () => {
  const [issuer] = process.argv.slice(2);
  if (!issuer) throw new Usage('one argument is needed: ISSUER');
  const report = new Report();
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-faults-'));
  const browser = await launch();
  try {
    for (const [what, [fault, words]] of Object.entries(FAULTS)) {
      await report.step(what, async () => {
        const { context, page, look } = await eyes(browser, LOOKS.at(-1), directory);
        await page.goto(`${issuer}/login`);
        await look('whole');
        await page.evaluate(fault);
        const found = await look('broken').then(() => '', (error) => error.message);
        must(found.includes(words), `not found, but "${found}"`);
        await context.close();
      });
    }
  } finally {
    await browser.close();
  }
});
