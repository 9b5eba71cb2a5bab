// The pages that people see who are no administrators: every one in every look, and the way of an invited person without JavaScript.
//
//   tests/clients/run ../browser/pages.mjs MCP_URL DIRECTORY [INVITATION]...
//
// SALLYPORT_USERNAME and SALLYPORT_PASSWORD are somebody's. An invitation is a link that was not used yet; one for each look.
import { readPerson } from '../clients/lib/arguments.mjs';
import { launch, logIn } from '../clients/lib/browser.mjs';
import { openCallback } from '../clients/lib/callback.mjs';
import { LOOKS, eyes } from '../clients/lib/look.mjs';
import { register, request } from '../clients/lib/program.mjs';
import { main, must, Report, Usage } from '../clients/lib/report.mjs';

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const CHOSEN = 'seven green umbrellas';

await main(async () => {
  const [url, directory, ...links] = process.argv.slice(2);
  if (!url || !directory) throw new Usage('two arguments are needed: MCP_URL and DIRECTORY');
  const person = readPerson();
  const report = new Report();
  [person.password, ...links].forEach((secret) => report.secret(secret));
  const callback = await openCallback();
  const browser = await launch();
  try {
    const world = { ...(await program(url, callback.url)), url, person, directory, callback };
    for (const look of LOOKS) {
      await report.step(look.name, () => tour(browser, look, { ...world, link: links.shift() }));
    }
  } finally {
    await browser.close();
    callback.close();
  }
}, 300);

async function tour(browser, kind, { issuer, client, url, person, directory, callback, link }) {
  const { context, page, look } = await eyes(browser, kind, directory);
  let pages = 0;
  const see = async (name, expected) => {
    await look(name, expected);
    pages += 1;
  };
  const press = async (name) => {
    await page.locator('main').getByRole('button', { name }).first().click();
    await page.waitForLoadState();
  };
  const says = async (text) => {
    const words = await page.locator('main').innerText();
    must(words.includes(text), `no "${text}" but: ${words.slice(0, 400)}`);
  };

  if (link) await invited(page, link, { see, press, says });

  // A program asks; somebody logs in, looks, and says yes.
  const { address } = request(issuer, client, callback.url, url);
  await page.goto(address);
  await see('login');
  await page.locator('input[name=username]').fill(person.username);
  await page.locator('input[name=password]').fill('not mine at all');
  await press('Log in');
  await says('do not belong together');
  await see('login-wrong', ['403']);
  await logIn(page, person.username, person.password);
  must(await page.locator('button[name=decision]').count(), `no consent page but "${await page.title()}"`);
  await see('consent');
  const closed = page.locator('main details:not([open]) > summary');
  while (await closed.count()) await closed.first().click();
  await see('consent-open');
  const asked = page.url();
  await page.locator('button[name=decision][value=approve]').click();
  await page.waitForURL((to) => to.href.startsWith(callback.url));
  await page.goto(asked);
  await says('is good for one answer');
  await see('error-ended', ['400']);

  // A device without a browser.
  await page.goto(`${issuer}/device`);
  await see('device-empty');
  await page.locator('input.code').fill('BCDF-GHJK');
  await press('Continue');
  await see('device-wrong', ['400', '403', '404']);
  const { verification_uri_complete, user_code } = await device(issuer, client, url);
  await page.goto(verification_uri_complete);
  await see('device-code');
  await page.locator('button.primary').click();
  must((await page.locator('.code.show').innerText()) === user_code, 'the code is not there to be compared');
  await see('device');
  await page.locator('button[name=decision][value=approve]').click();
  must((await page.title()).startsWith('Allowed'), `not allowed but "${await page.title()}"`);
  await see('device-allowed');

  // What they allowed, what came of it, and taking it back.
  await page.goto(`${issuer}/account`);
  await see('account');
  await page.getByRole('link', { name: 'What was done in your name' }).click();
  await says('You allowed a program to act for you');
  await see('history');
  await page.locator('select[name=show]').selectOption('calls');
  await press('Show');
  await see('history-calls');
  await page.goto(`${issuer}/account`);
  const grants = page.locator('form:has(input[name=grant]) button');
  for (let left = await grants.count(); left > 0; left -= 1) {
    await grants.first().click();
    await page.waitForFunction((left) => document.querySelectorAll('input[name=grant]').length < left, left);
  }
  await see('account-empty');

  // What is not there, and what nobody should follow.
  const { address: foreign } = request(issuer, client, 'https://attacker.example/callback', url);
  for (const [name, where] of [
    ['error-redirect', foreign],
    ['error-tenant', `${new URL(issuer).origin}/t/nowhere/login`],
    ['error-link', `${issuer}/link?link=nothing`],
    ['error-path', `${issuer}/nothing`],
  ]) {
    await page.goto(where);
    await see(name, ['400', '404', '403']);
  }
  await page.goto(`${issuer}/logout`);
  await see('logout');
  await press('Log out');
  await see('logged-out');
  await context.close();
  return { pages };
}

async function invited(page, link, { see, press, says }) {
  await page.goto(link);
  await see('link');
  await page.locator('input[name=password]').fill(CHOSEN);
  await page.locator('input[name=repeat]').fill('something else entirely');
  await press('Set the password');
  await see('link-wrong', ['400']);
  await page.locator('input[name=password]').fill(CHOSEN);
  await page.locator('input[name=repeat]').fill(CHOSEN);
  await press('Set the password');
  await see('link-done');
  await page.goto(link);
  await says('link');
  await see('link-used', ['400', '404', '410']);
}

async function program(url, redirect) {
  const { origin, pathname } = new URL(url);
  const server = await json(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const [issuer] = server.authorization_servers;
  const grant_types = ['authorization_code', 'refresh_token', DEVICE];
  const client = await register(issuer, redirect, { client_name: 'MCP Inspector', grant_types });
  return { issuer, client };
}

function device(issuer, client, resource) {
  return json(`${issuer}/device_authorization`, {
    method: 'POST',
    headers: { 'user-agent': 'terminal/1.0 (linux; x64)' },
    body: new URLSearchParams({ client_id: client.client_id, resource }),
  });
}

async function json(address, init) {
  const response = await fetch(address, init);
  must(response.ok, `${address} was answered with ${response.status}`);
  return response.json();
}
