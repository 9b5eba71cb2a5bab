// The first day: from the link that `sallyport serve` prints to a working server, an approved program and a revoked grant. By what
// the pages say alone, and without JavaScript. The first page also in every look.
//
//   tests/clients/run ../browser/first.mjs LINK UPSTREAM DIRECTORY
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { launch, logIn } from '../clients/lib/browser.mjs';
import { openCallback } from '../clients/lib/callback.mjs';
import { LOOKS, eyes } from '../clients/lib/look.mjs';
import { authorize, initialize, register } from '../clients/lib/program.mjs';
import { main, must, Report, Usage } from '../clients/lib/report.mjs';

const PERSON = { username: 'ada', password: 'seven green umbrellas' };

await main(async () => {
  const [link, upstream, directory] = process.argv.slice(2);
  if (!link || !upstream || !directory) throw new Usage('three arguments are needed: LINK, UPSTREAM and DIRECTORY');
  const report = new Report();
  [link, PERSON.password].forEach((secret) => report.secret(secret));
  const callback = await openCallback();
  const browser = await launch();
  try {
    for (const look of LOOKS) {
      await report.step(look.name, () => tour(browser, look, link, directory));
    }
    await report.step('first day', () => firstDay(browser, { link, upstream, directory, callback }));
  } finally {
    await browser.close();
    callback.close();
  }
}, 200);

async function tour(browser, kind, link, directory) {
  const { context, page, look } = await eyes(browser, kind, directory);
  await page.goto(link);
  await look('first');
  await fill(page, { name: 'Northwind', slug: 'northwind', ...PERSON, repeat: 'something else entirely' });
  await page.getByRole('button', { name: 'Make it' }).click();
  await page.getByRole('alert').waitFor();
  must((await page.locator('input[name=name]').inputValue()) === 'Northwind', 'what was typed is lost');
  await look('first-wrong', ['400']);
  await context.close();
}

async function firstDay(browser, { link, upstream, directory, callback }) {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await mkdir(directory, { recursive: true });
  let pictures = 0;
  const picture = async (name) => {
    pictures += 1;
    await page.screenshot({ path: join(directory, `${pictures}-${name}.png`), fullPage: true });
  };
  const press = async (name) => {
    await page.locator('main').getByRole('button', { name }).first().click();
    await page.waitForLoadState();
  };
  const follow = async (name) => {
    await page.locator('nav, main').getByRole('link', { name }).first().click();
    await page.waitForLoadState();
  };
  const says = async (text) => {
    const words = await page.locator('main').innerText();
    must(words.includes(text), `no "${text}" but: ${words.slice(0, 400)}`);
  };

  await page.goto(link);
  await fill(page, { name: 'Northwind', slug: 'northwind', ...PERSON, repeat: PERSON.password });
  await press('Make it');
  if (await page.locator('input[name=password]').count()) await logIn(page, PERSON.username, PERSON.password);
  await says('There is no server yet');
  await picture('overview');

  await follow('Add a server');
  await fill(page, { name: 'Everything', slug: 'everything', upstream });
  await press('Add the server');
  await press('Ask it now');
  await says('What it offers');
  await picture('probe');
  await press('Accept these');
  await picture('server');
  const issuer = `${new URL(page.url()).origin}/t/northwind`;
  const resource = `${issuer}/mcp/everything`;
  await says(resource);

  await follow('Settings');
  await follow('Edit');
  await page.locator('select[name=registration]').selectOption('approval');
  await press('Save');
  const client = await register(issuer, callback.url);
  await follow('Overview');
  await says('1 client waits for an approval');
  await follow('Look at them');
  await follow('Day tripper');
  await follow('Approve');
  await picture('approve');
  await press('Approve');
  await says('Approved.');

  const tokens = await authorize(page, issuer, client, callback, resource);
  must((await initialize(resource, tokens.access_token)) === 200, 'the approved program cannot use the server');

  await page.goto(`${new URL(issuer).origin}/console/t/northwind`);
  await follow('Grants');
  await follow('Day tripper');
  await follow('Revoke');
  await picture('revoke');
  await press('Revoke');
  await says('Revoked 1 grant: refused everywhere after');
  await picture('revoked');
  must((await initialize(resource, tokens.access_token)) === 401, 'a revoked token still works');
  await context.close();
  return { pictures };
}

async function fill(page, fields) {
  for (const [name, value] of Object.entries(fields)) await page.locator(`main input[name=${name}]`).fill(value);
}
