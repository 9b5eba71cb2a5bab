// Looks at the login, consent, account and device pages as people see them: takes pictures, light and dark, wide and on a phone, and
// fails where a page must be scrolled sideways or the browser complains in its console.
//
//   tests/clients/run ../browser/pages.mjs MCP_URL DIRECTORY
import { createHash, randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readPerson } from '../clients/lib/arguments.mjs';
import { launch, logIn } from '../clients/lib/browser.mjs';
import { openCallback } from '../clients/lib/callback.mjs';
import { main, must, Report, Usage } from '../clients/lib/report.mjs';

const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const LOOKS = [
  { name: 'light', viewport: WIDE, colorScheme: 'light' },
  { name: 'dark', viewport: WIDE, colorScheme: 'dark' },
  { name: 'phone', viewport: PHONE, colorScheme: 'light' },
  { name: 'phone-dark', viewport: PHONE, colorScheme: 'dark' },
];
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
// The narrowest screen that pages must fit; no picture of it is kept.
const NARROW = { name: 'narrow', viewport: { width: 320, height: 568 }, colorScheme: 'light' };

await main(async () => {
  const [url, directory] = process.argv.slice(2);
  if (!url || !directory) throw new Usage('two arguments are needed: MCP_URL and DIRECTORY');
  const person = readPerson();
  const report = new Report();
  report.secret(person.password);
  const callback = await openCallback();
  const browser = await launch();
  try {
    const { address, issuer, device } = await report.step('client', () => authorizationAddress(url, callback.url));
    await mkdir(directory, { recursive: true });
    for (const look of [...LOOKS, NARROW]) {
      await report.step(look.name, () => visit(browser, look, { address, issuer, device, person, directory, callback }));
    }
  } finally {
    await browser.close();
    callback.close();
  }
});

async function visit(browser, { name, ...settings }, { address, issuer, device, person, directory, callback }) {
  const context = await browser.newContext({ ...settings, deviceScaleFactor: 2, javaScriptEnabled: false });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  const pictures = [];
  const look = async (what) => {
    const { wanted, given } = await page.evaluate(() => ({
      wanted: document.documentElement.scrollWidth,
      given: document.documentElement.clientWidth,
    }));
    must(wanted <= given, `${what} is ${wanted} px wide on a screen of ${given} px`);
    if (settings.viewport === NARROW.viewport) return;
    const file = `${what}-${name}.png`;
    await page.screenshot({ path: join(directory, file), fullPage: true });
    pictures.push(file);
  };

  await page.goto(address);
  await look('login');
  await logIn(page, person.username, person.password);
  must(await page.locator('button[name=decision]').count(), `no consent page but "${await page.title()}"`);
  await look('consent');
  await page.locator('button[name=decision][value=approve]').click();
  await page.waitForURL((to) => to.href.startsWith(callback.url));
  const { verification_uri_complete, user_code } = await device();
  await page.goto(verification_uri_complete);
  await look('device-code');
  await page.locator('button.primary').click();
  must((await page.locator('.code.show').innerText()) === user_code, 'the code is not there to be compared');
  await look('device');
  await page.locator('button[name=decision][value=approve]').click();
  must((await page.title()).startsWith('Allowed'), `not allowed but "${await page.title()}"`);
  await look('device-allowed');
  await page.goto(`${issuer}/account`);
  await look('account');
  // So that the next look is asked the whole question again.
  const grants = page.locator('form:has(input[name=grant]) button');
  const before = await grants.count();
  await grants.first().click();
  await page.waitForFunction((before) => document.querySelectorAll('input[name=grant]').length < before, before);
  must(complaints.length === 0, `the browser complains: ${complaints.join('; ')}`);
  await context.close();
  return { pictures };
}

// Discovery and registration as a client does them, and an authorization request that is good for many visits.
async function authorizationAddress(url, redirect) {
  const { origin, pathname } = new URL(url);
  const server = await json(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const issuer = new URL(server.authorization_servers[0]);
  const metadata = await json(`${issuer.origin}/.well-known/oauth-authorization-server${issuer.pathname}`);
  const client = await json(metadata.registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'MCP Inspector',
      redirect_uris: [redirect],
      grant_types: ['authorization_code', 'refresh_token', DEVICE],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }),
  });
  const address = new URL(metadata.authorization_endpoint);
  address.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirect,
    state: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update(randomBytes(32).toString('base64url')).digest('base64url'),
    code_challenge_method: 'S256',
    resource: server.resource,
    scope: server.scopes_supported.join(' '),
  });
  const device = () =>
    json(metadata.device_authorization_endpoint, {
      method: 'POST',
      headers: { 'user-agent': 'terminal/1.0 (linux; x64)' },
      body: new URLSearchParams({ client_id: client.client_id, resource: server.resource }),
    });
  return { address: address.href, issuer: metadata.issuer, device };
}

async function json(address, init) {
  const response = await fetch(address, init);
  must(response.ok, `${address} was answered with ${response.status}`);
  return response.json();
}
