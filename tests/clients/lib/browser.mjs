// A person at a real browser: logs in, reads the consent page, says yes or no. The pages need no JavaScript, so it is off.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

// Pages that one authorization may show before something must be wrong.
const MOST_PAGES = 6;
const PAGE_LIMIT_MS = 20_000;

const LOGIN = 'form:has(input[name=password])';
const CONSENT = 'button[name=decision]';

/**
 * Goes from an authorization URL to the redirect that answers it.
 *
 * `decision` is `approve` or `deny`; `clear` lists scopes to untick on the consent page. Returns
 * `{callback, pages, consent}`: the redirect's URL as a string, the kinds of page seen in order, and what the
 * consent page offered (`{title, scopes: [{scope, ticked}]}`, absent if it was not shown).
 */
export async function authorize({ url, redirectPrefix, username, password, decision = 'approve', clear = [] }) {
  const browser = await launch();
  try {
    const context = await browser.newContext({ javaScriptEnabled: false });
    context.setDefaultTimeout(PAGE_LIMIT_MS);
    const page = await context.newPage();
    await page.goto(String(url));
    const seen = { pages: [], consent: undefined };
    while (!page.url().startsWith(redirectPrefix)) {
      if (seen.pages.length === MOST_PAGES) throw new Error(`still no redirect after the pages ${seen.pages.join(', ')}`);
      if (await page.locator(LOGIN).count()) {
        if (seen.pages.includes('login')) throw new Error(`the login was refused: ${await words(page)}`);
        seen.pages.push('login');
        await logIn(page, username, password);
      } else if (await page.locator(CONSENT).count()) {
        seen.pages.push('consent');
        seen.consent = await decide(page, decision, clear);
      } else {
        throw new Error(`a page that is neither login nor consent: ${await words(page)}`);
      }
    }
    return { callback: page.url(), ...seen };
  } finally {
    await browser.close();
  }
}

/** Goes from a `verification_uri_complete` (RFC 8628) to the page that sends the person back to the device. */
export async function approveDevice({ url, username, password }) {
  const browser = await launch();
  try {
    const context = await browser.newContext({ javaScriptEnabled: false });
    context.setDefaultTimeout(PAGE_LIMIT_MS);
    const page = await context.newPage();
    await page.goto(String(url));
    if (await page.locator(LOGIN).count()) await logIn(page, username, password);
    await submit(page, page.locator('form:has(input.code) button.primary'));
    await submit(page, page.locator(`${CONSENT}[value=approve]`));
  } finally {
    await browser.close();
  }
}

/** Starts Chromium: the one that CHROMIUM names, or the first that is installed. */
export async function launch() {
  return chromium.launch({
    executablePath: chromiumPath(),
    // Without these Chromium looks up its maker's hosts at every start.
    args: ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic', '--disable-gpu'],
  });
}

/** Fills the login form and waits for the page after it. */
export async function logIn(page, username, password) {
  const form = page.locator(LOGIN);
  await form.locator('input[name=username]').fill(username);
  await form.locator('input[name=password]').fill(password);
  await submit(page, form.locator('button:not([type]), button[type=submit], input[type=submit]').first());
}

async function decide(page, decision, clear) {
  const scopes = [];
  for (const box of await page.locator('input[type=checkbox][name=scope]').all()) {
    const scope = await box.getAttribute('value');
    if (clear.includes(scope)) await box.uncheck();
    scopes.push({ scope, ticked: await box.isChecked() });
  }
  const unknown = clear.filter((scope) => !scopes.some((offered) => offered.scope === scope));
  if (unknown.length) throw new Error(`the consent page does not offer ${unknown.join(', ')}`);
  const consent = { title: await page.title(), scopes };
  await submit(page, page.locator(`${CONSENT}[value=${decision}]`));
  return consent;
}

async function submit(page, button) {
  const moved = page.waitForEvent('framenavigated', (frame) => frame === page.mainFrame());
  await button.click();
  await moved;
  await page.waitForLoadState();
}

async function words(page) {
  const text = await page.locator('body').innerText();
  return `"${await page.title()}": ${text.replace(/\s+/g, ' ').slice(0, 300)}`;
}

function chromiumPath() {
  const names = process.env.CHROMIUM ? [process.env.CHROMIUM] : ['chromium', 'chromium-browser', 'google-chrome'];
  for (const name of names) {
    const places = name.includes('/') ? [name] : (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, name));
    for (const place of places) {
      try {
        accessSync(place, constants.X_OK);
        return place;
      } catch {
        // not here
      }
    }
  }
  throw new Error(`no Chromium found (${names.join(', ')}): run scripts/setup.sh browser`);
}
