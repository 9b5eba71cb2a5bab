// How people log in: second factors without JavaScript, passkeys with an authenticator in software, and every page of it in every look.
//
//   tests/clients/run ../browser/security.mjs ISSUER DIRECTORY
//
// SALLYPORT_USERNAME and SALLYPORT_PASSWORD are somebody's who has no second factor yet.
import { createHmac } from 'node:crypto';
import { readPerson } from '../clients/lib/arguments.mjs';
import { launch, logIn } from '../clients/lib/browser.mjs';
import { LOOKS, eyes } from '../clients/lib/look.mjs';
import { main, must, Report, Usage } from '../clients/lib/report.mjs';

const STEP_MS = 30_000;

/** An authenticator app, which shows no code twice: what was used is refused. */
class App {
  #key;
  #last = 0;

  constructor(typed) {
    const bits = [...typed.replace(/\s/g, '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'));
    this.#key = Buffer.from(bits.join('').match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  }

  /** The code of now, or of the next step where that of now was used. */
  code() {
    const now = Math.floor(Date.now() / STEP_MS);
    this.#last = Math.max(now, this.#last + 1);
    must(this.#last <= now + 1, 'more codes are wanted than a clock that is a little fast has');
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(this.#last));
    const tag = createHmac('sha1', this.#key).update(counter).digest();
    return String((tag.readUInt32BE(tag[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
  }
}

await main(async () => {
  const [issuer, directory] = process.argv.slice(2);
  if (!issuer || !directory) throw new Usage('two arguments are needed: ISSUER and DIRECTORY');
  const person = readPerson();
  const report = new Report();
  report.secret(person.password);
  const browser = await launch();
  try {
    const kept = await report.step('set up', () => setUp(browser, issuer, person));
    await report.step('passkeys', () => passkeys(browser, issuer, person, kept));
    for (const look of LOOKS) {
      await report.step(look.name, () => tour(browser, look, { issuer, person, kept, directory }));
    }
  } finally {
    await browser.close();
  }
}, 400);

function hand(page) {
  return {
    press: async (name) => {
      await page.getByRole('button', { name }).first().click();
      await page.waitForLoadState();
    },
    follow: async (name) => {
      await page.locator('main').getByRole('link', { name }).first().click();
      await page.waitForLoadState();
    },
    says: async (text) => {
      const words = await page.locator('main').innerText();
      must(words.includes(text), `no "${text}" but: ${words.slice(0, 400)}`);
    },
  };
}

// Without JavaScript: an authenticator is set up, asked for, and stood in for by a code on paper.
async function setUp(browser, issuer, person) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const { press, follow, says } = hand(page);
  await page.goto(`${issuer}/account`);
  await logIn(page, person.username, person.password);
  await follow('Password, second factor and logins');
  await follow('Set up an authenticator');
  const app = new App(await page.locator('.secret code').textContent());
  await page.locator('input[name=code]').fill('000000');
  await press('Set it up');
  await says('not the code of this key');
  await page.locator('input[name=code]').fill(app.code());
  await press('Set it up');
  const codes = await page.locator('.codes code').allTextContents();
  must(codes.length === 10, `${codes.length} recovery codes`);
  await follow('I have kept them');
  await says('You have 10 left');
  await context.clearCookies();

  await page.goto(`${issuer}/account`);
  await logIn(page, person.username, person.password);
  await says('Type the code');
  await page.getByText('I cannot use my authenticator').click();
  await page.locator('input[name=recovery]').fill(codes.pop().toLowerCase());
  await press('Use the recovery code');
  await says('You are logged in as');
  await context.close();
  return { app, codes };
}

// With JavaScript, and an authenticator that Chromium has inside.
async function passkeys(browser, issuer, person, kept) {
  const context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const { press, follow, says } = hand(page);
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await page.goto(`${issuer}/account/security`);
  await logIn(page, person.username, person.password);
  await page.getByText('I cannot use my authenticator').click();
  await page.locator('input[name=recovery]').fill(kept.codes.pop());
  await press('Use the recovery code');
  await page.goto(`${issuer}/account/security`);
  await follow('Add a passkey');
  await page.locator('input[name=name]').fill('This very computer');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.waitForURL('**/account/security');
  await says('This very computer');

  // Alone.
  await context.clearCookies();
  await page.goto(`${issuer}/account`);
  await page.getByRole('button', { name: 'Log in with a passkey' }).click();
  await page.waitForURL('**/account');
  await says('You are logged in as');

  // After the password.
  await context.clearCookies();
  await page.goto(`${issuer}/account`);
  await logIn(page, person.username, person.password);
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await page.waitForURL('**/account');
  await says('You are logged in as');

  // Somebody who does not want to: nothing is lost, and it is said.
  await context.clearCookies();
  await page.goto(`${issuer}/account`);
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  await page.getByRole('button', { name: 'Log in with a passkey' }).click();
  await page.locator('.passkey [role=status]', { hasText: 'Nothing was changed' }).waitFor();
  await context.close();
}

// Every page of it.
async function tour(browser, kind, { issuer, person, kept, directory }) {
  const { context, page, look } = await eyes(browser, kind, directory);
  const { press } = hand(page);
  await page.goto(`${issuer}/account/security`);
  await look('login-passkey');
  await logIn(page, person.username, person.password);
  await look('second');
  await page.getByText('I cannot use my authenticator').click();
  await page.locator('input[name=recovery]').fill('BCDF-GHJK-LMNP');
  await press('Use the recovery code');
  await look('second-wrong', ['403']);
  await page.locator('input[name=recovery]').fill(kept.codes.pop());
  await press('Use the recovery code');
  await page.goto(`${issuer}/account`);
  await look('account');
  const pages = ['account/security', 'account/totp', 'account/passkey', 'account/password'];
  for (const name of pages) {
    await page.goto(`${issuer}/${name}`);
    for (const summary of await page.locator('main details:not([open]) > summary').all()) await summary.click();
    await look(name.replace('/', '-'));
  }
  await page.locator('input[name=current]').fill('not mine at all');
  await page.locator('input[name=password]').fill('one that is long enough');
  await page.locator('input[name=repeat]').fill('one that is not the same');
  await press('Change it');
  await look('account-password-wrong', ['400']);
  await context.close();
  return { pages: pages.length + 5 };
}
