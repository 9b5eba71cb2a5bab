// The console, as administrators see it: every page in every look, and a day's work without JavaScript.
//
//   tests/clients/run ../browser/console.mjs ISSUER DIRECTORY
//
// SALLYPORT_USERNAME and SALLYPORT_PASSWORD are an administrator's.
import { readFile } from 'node:fs/promises';
import { readPerson } from '../clients/lib/arguments.mjs';
import { launch, logIn } from '../clients/lib/browser.mjs';
import { openCallback } from '../clients/lib/callback.mjs';
import { LOOKS, eyes } from '../clients/lib/look.mjs';
import { authorize, listTools, register } from '../clients/lib/program.mjs';
import { main, must, Report, Usage } from '../clients/lib/report.mjs';

await main(async () => {
  const [issuer, directory] = process.argv.slice(2);
  if (!issuer || !directory) throw new Usage('two arguments are needed: ISSUER and DIRECTORY');
  const person = readPerson();
  const report = new Report();
  report.secret(person.password);
  const place = new URL(issuer);
  const base = `${place.origin}/console${place.pathname}`;
  const callback = await openCallback();
  const browser = await launch();
  try {
    await report.step('work', () => work(browser, { issuer, base, person, callback }));
    for (const look of LOOKS) {
      await report.step(look.name, () => tour(browser, look, { base, person, directory }));
    }
  } finally {
    await browser.close();
    callback.close();
  }
}, 400);

// Every page of the console, reached as people reach it: by the navigation, the first object of each list, and its buttons.
async function tour(browser, kind, { base, person, directory }) {
  const { context, page, look } = await eyes(browser, kind, directory);
  await page.goto(base);
  await look('console-login');
  await logIn(page, person.username, person.password);
  await look('console-overview');
  const seen = [];
  for (const name of ['servers', 'clients', 'people', 'providers', 'grants', 'audit', 'keys', 'tokens', 'settings']) {
    await page.goto(`${base}/${name}`);
    await look(`console-${name}`);
    seen.push(name);
    const first = page.locator('table td a').first();
    const object = (await first.count()) ? await first.getAttribute('href') : undefined;
    if (object && !['keys', 'settings'].includes(name)) {
      await page.goto(new URL(object, base).href);
      await look(`console-${name}-one`);
    }
    const ways = await page.locator('main a.button').evaluateAll((links) => links.map((link) => link.href));
    for (const way of [...new Set(ways)]) {
      if (way.includes('page=') || way.includes('before=')) continue;
      await page.goto(way);
      const act = new URL(way).pathname.split('/').pop();
      await look(`console-${name}-${act}`);
      seen.push(`${name}-${act}`);
    }
  }
  const forms = ['servers/-/new', 'people/-/new', 'providers/-/new', 'tokens/-/new', 'clients/-/tokens/new', 'audit/-/export', 'revoke'];
  for (const way of [...forms, 'clients/-/tokens', 'audit/-/checkpoints', 'clients?q=nothing-of-this-name']) {
    await page.goto(`${base}/${way}`);
    await look(`console-${way.replaceAll(/[^a-z]+/g, '-')}`);
    seen.push(way);
  }
  // Bad input keeps what was typed, and says so where it is read out.
  await page.goto(`${base}/servers/-/new`);
  await page.locator('input[name=name]').fill('Kept');
  await page.locator('input[name=upstream]').fill('ftp://nowhere');
  await page.locator('main form button').click();
  must((await page.locator('[role=alert]').count()) === 1, 'nothing is said of an address that cannot be');
  must((await page.locator('input[name=name]').inputValue()) === 'Kept', 'what was typed is lost');
  await look('console-servers-wrong', ['400']);
  await page.goto(`${base}/nothing`).catch(() => {});
  await context.close();
  return { pages: seen.length };
}

// A day's work, with JavaScript off: let clients wait, approve one, see what a person allowed it, and take it back.
async function work(browser, { issuer, base, person, callback }) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const press = async (name) => {
    await page.getByRole('button', { name, exact: true }).click();
    await page.waitForLoadState();
  };
  const follow = async (name) => {
    // Not the account in the head, which may have the same name as somebody in a list.
    await page.locator('nav, main').getByRole('link', { name, exact: true }).first().click();
    await page.waitForLoadState();
  };
  const says = async (text) => {
    const main = await page.locator('main').innerText();
    must(main.includes(text), `no "${text}" but: ${main.slice(0, 400)}`);
  };
  await page.goto(base);
  await logIn(page, person.username, person.password);
  must(page.url() === base, `the login led to ${page.url()}`);

  await follow('Settings');
  await follow('Edit');
  await page.locator('select[name=registration]').selectOption('approval');
  await press('Save');
  await says('it waits for an administrator');

  const client = await register(issuer, callback.url);
  await follow('Overview');
  await says('waits for an approval');
  await follow('Look at them');
  await follow('Day tripper');
  await follow('Approve');
  await press('Approve');
  await says('Approved.');

  const resource = `${issuer}/mcp/demo`;
  const tokens = await authorize(page, issuer, client, callback, resource);
  must((await listTools(resource, tokens.access_token)) === 200, 'the approved client cannot call');
  await page.goto(`${base}/grants?q=${client.client_id}`);
  await follow('Day tripper');
  await follow('Revoke');
  await press('Revoke');
  await says('Revoked 1 grant: refused everywhere after');
  must((await listTools(resource, tokens.access_token)) === 401, 'a revoked token still works');
  // One that stays, to be looked at.
  const later = await authorize(page, issuer, client, callback, resource);
  must((await listTools(resource, later.access_token)) === 200, 'a new grant is none');
  await page.goto(`${base}/grants`);

  await follow('Servers');
  await follow('Add a server');
  await page.locator('input[name=upstream]').fill('http://127.0.0.1:9/mcp');
  await page.locator('input[name=name]').fill('Out of order');
  await page.locator('input[name=slug]').fill('out-of-order');
  await press('Add the server');
  await press('Ask it now');
  await says('It gave no usable answer');
  await page.goto(`${base}/servers/demo/probe`);
  await press('Ask it now');
  await says('What it offers');
  await press('Accept these');
  await says('Demo server');

  await follow('People');
  await follow('Invite somebody');
  await page.locator('input[name=username]').fill('grace');
  await press('Make the invitation');
  await says('/link?link=');

  await follow('API tokens');
  await follow('Make a token');
  await page.locator('input[name=name]').fill('Nightly report');
  await page.locator('input[value="clients:list"]').check();
  await press('Make the token');
  await says('sp_ap_');
  await follow('API tokens');
  await follow('Nightly report');
  await follow('Take back');
  await press('Take back');
  await says('Taken back.');
  await page.goto(`${base}/tokens/-/new`);
  await page.locator('input[name=name]').fill('Build farm');
  await page.locator('input[value="*:read"]').check();
  await press('Make the token');

  await follow('Clients');
  await follow('Initial access tokens');
  await follow('Make a token');
  await page.locator('input[name=name]').fill('For the build farm');
  await press('Make the token');
  await says('sp_ia_');
  // Nothing answers there, and the page says what to look at.
  await follow('Identity providers');
  await follow('Add a provider');
  await page.locator('input[name=name]').fill('Northwind');
  await page.locator('input[name=slug]').fill('northwind');
  await page.locator('input[name=issuer]').fill('https://127.0.0.1:9/realms/staff');
  await page.locator('input[name=client_id]').fill('sallyport');
  await page.locator('input[name=client_secret]').fill('not-a-real-one');
  await page.locator('select[name=in_use]').selectOption('yes');
  await press('Add the provider');
  await says('/login/with/northwind/callback');
  await follow('Test it');
  await press('Test it now');
  await says('Nobody can log in through it');

  await follow('Audit log');
  await says('admin.changed');
  await follow('Checkpoints');
  await says('Key to verify with');
  const note = await download(page, 'Download it', 'link');
  must(note.includes('\n\n\u2014 '), `no signed note: ${note.slice(0, 200)}`);
  await follow('Export the log');
  const archive = await download(page, 'Export', 'button');
  must(archive.includes('-audit/manifest.json'), 'the export has no manifest');
  await follow('Settings');
  await follow('Edit');
  await page.locator('select[name=registration]').selectOption('open');
  await press('Save');
  await context.close();
}

// What a link or a button hands out, as text.
async function download(page, name, role) {
  const waiting = page.waitForEvent('download');
  await page.locator('main').getByRole(role, { name, exact: true }).first().click();
  return readFile(await (await waiting).path(), 'utf8');
}
