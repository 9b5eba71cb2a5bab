// Login through a real identity provider: oidc-provider, unmodified, in the same process as this. Accounts, roles, logout at either end, and
// all that can go wrong on the way, without JavaScript; and the pages of it in every look.
//
//   tests/clients/run ../browser/identity.mjs ISSUER PORT CERTIFICATE KEY DIRECTORY
//
// ISSUER is a tenant of ours, with the providers `staff`, which makes accounts, and `guests`, which does not. SALLYPORT_USERNAME and
// SALLYPORT_PASSWORD are somebody's who has an account there. PORT is where the provider is to be.
import { readFileSync } from 'node:fs';
import { readPerson } from '../clients/lib/arguments.mjs';
import { launch, logIn } from '../clients/lib/browser.mjs';
import { openCallback } from '../clients/lib/callback.mjs';
import { openIdentityProvider } from '../clients/lib/identity-provider.mjs';
import { LOOKS, eyes } from '../clients/lib/look.mjs';
import { authorize, listTools, register, request } from '../clients/lib/program.mjs';
import { main, must, Report, Usage } from '../clients/lib/report.mjs';

const SECRET = 'the secret of the gateway at the provider';
const PEOPLE = {
  'sub-grace': { name: 'Grace Hopper', preferred_username: 'grace', email: 'grace@northwind.example', email_verified: true, groups: [] },
  'sub-dana': { name: 'Dana Ruiz', preferred_username: 'dana', email: 'dana@northwind.example', email_verified: true, groups: ['ops'] },
  'sub-eve': { name: 'Eve Elsewhere', preferred_username: 'eve', email: 'eve@elsewhere.example', email_verified: true },
  'sub-mallory': { name: 'Mallory', preferred_username: 'mallory', email: 'mallory@northwind.example', email_verified: false },
};

await main(async () => {
  const [issuer, port, certificate, key, directory] = process.argv.slice(2);
  if (!directory) throw new Usage('five arguments are needed: ISSUER, PORT, CERTIFICATE, KEY and DIRECTORY');
  const person = readPerson();
  const report = new Report();
  [person.password, SECRET].forEach((secret) => report.secret(secret));
  const idp = await openIdentityProvider({
    port: Number(port),
    tls: { cert: readFileSync(certificate), key: readFileSync(key) },
    people: PEOPLE,
    clients: ['staff', 'guests'].map((slug) => ({
      client_id: slug,
      client_secret: SECRET,
      redirect_uris: [`${issuer}/login/with/${slug}/callback`],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: 'ES256',
      backchannel_logout_uri: `${issuer}/login/with/${slug}/logout`,
      backchannel_logout_session_required: true,
    })),
  });
  const callback = await openCallback();
  const browser = await launch();
  const world = { issuer, idp, person, browser, callback, directory };
  try {
    await report.step('accounts', () => accounts(world));
    await report.step('errand', () => errand(world));
    await report.step('logout', () => logout(world));
    await report.step('link', () => link(world));
    await report.step('failures', () => failures(world));
    await report.step('rotation', () => rotation(world));
    for (const look of LOOKS) await report.step(look.name, () => tour(world, look));
  } finally {
    await browser.close();
    callback.close();
    await idp.stop();
  }
}, 300);

// Somebody in a browser of their own, without JavaScript.
async function visitor({ browser, issuer }) {
  const context = await browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true });
  context.setDefaultTimeout(20_000);
  return { context, ...hands(await context.newPage(), issuer) };
}

function hands(page, issuer) {
  const press = async (name) => {
    await page.getByRole('button', { name, exact: true }).first().click();
    await page.waitForLoadState();
  };
  const says = async (text) => {
    const words = await page.locator('body').innerText();
    must(words.includes(text), `no "${text}" at ${page.url().split('?')[0]} but: ${words.slice(0, 400)}`);
  };
  const begin = async (provider) => {
    await page.goto(`${issuer}/login`);
    await press(`Continue with ${provider}`);
  };
  const come = async (name, provider = 'Northwind staff') => {
    await begin(provider);
    // Whoever has a session there is not asked.
    if (await page.getByRole('button', { name: 'Not me' }).count()) await press(name);
  };
  return { page, press, says, begin, come };
}

async function isIn({ page }, issuer) {
  await page.goto(`${issuer}/account`);
  return page.url() === `${issuer}/account`;
}

// An account is made at the first login and found at the next; claims are roles; rules keep others out.
async function accounts(world) {
  const { issuer } = world;
  const [origin, path] = [new URL(issuer).origin, new URL(issuer).pathname];
  const grace = await visitor(world);
  await grace.come('Grace Hopper');
  must(grace.page.url() === `${issuer}/account`, `the login led to ${grace.page.url()}`);
  await grace.says('Grace Hopper');
  await grace.page.goto(`${origin}/console${path}`);
  await grace.says('This is for administrators');

  const dana = await visitor(world);
  await dana.come('Dana Ruiz');
  await dana.page.goto(`${origin}/console${path}/people`);
  await dana.says('grace');

  for (const [name, provider, why] of [
    ['Eve Elsewhere', 'Northwind staff', 'you have no account here'],
    ['Mallory', 'Northwind staff', 'you have no account here'],
    ['Grace Hopper', 'Northwind guests', 'you have no account here'],
  ]) {
    const stranger = await visitor(world);
    await stranger.come(name, provider);
    await stranger.says(why);
    must(!(await isIn(stranger, issuer)), `${name} is in by ${provider}`);
    await stranger.context.close();
  }
  await grace.context.close();
  await dana.context.close();
}

// What a program asked for is still there after the login.
async function errand(world) {
  const { issuer, callback } = world;
  const client = await register(issuer, callback.url);
  const { address } = request(issuer, client, callback.url, `${issuer}/mcp/tools`);
  const grace = await visitor(world);
  await grace.page.goto(address);
  await grace.press('Continue with Northwind staff');
  await grace.press('Not me');
  await grace.says('You are not logged in');
  await grace.page.getByRole('link', { name: 'Go to the login page' }).click();
  await grace.says('Day tripper');
  await grace.press('Continue with Northwind staff');
  await grace.press('Grace Hopper');
  await grace.says('Day tripper');
  must(await grace.page.locator('button[name=decision]').count(), `no consent page but "${await grace.page.title()}"`);
  await grace.context.close();
}

// Whoever logs out at the provider is logged out here, and what they allowed is refused; logging out here is for this browser alone.
async function logout(world) {
  const { issuer, idp, callback } = world;
  const [grace, elsewhere] = [await visitor(world), await visitor(world)];
  await grace.come('Grace Hopper');
  await elsewhere.come('Grace Hopper');
  const client = await register(issuer, callback.url);
  const tokens = await authorize(grace.page, issuer, client, callback, `${issuer}/mcp/tools`);
  const before = await listTools(`${issuer}/mcp/tools`, tokens.access_token);
  must(before !== 401 && before !== 403, `the token is refused with ${before}`);
  await grace.page.goto(`${idp.issuer}/session/end`);
  await grace.press('Log out here');
  await grace.says('You are logged out here');
  must(!(await isIn(grace, issuer)), 'logged out there, and still in here');
  must((await listTools(`${issuer}/mcp/tools`, tokens.access_token)) === 401, 'what they allowed still works');
  must(await isIn(elsewhere, issuer), 'a session of another browser ended');

  await elsewhere.page.goto(`${issuer}/logout`);
  await elsewhere.press('Log out');
  must(!(await isIn(elsewhere, issuer)), 'still in');
  await grace.context.close();
  await elsewhere.context.close();
}

// Whoever has an account links one there, logs in by it, and takes the link away.
async function link(world) {
  const { issuer, person } = world;
  const own = await visitor(world);
  await own.page.goto(`${issuer}/account/security`);
  await logIn(own.page, person.username, person.password);
  await own.press('Link Northwind guests');
  await own.press('Eve Elsewhere');
  await own.says('Linked');
  const again = await visitor(world);
  await again.come('Eve Elsewhere', 'Northwind guests');
  must(await isIn(again, issuer), 'the linked account lets nobody in');
  await again.says(person.username);
  await own.page.goto(`${issuer}/account/security`);
  await own.press('Remove Northwind guests');
  must(!(await isIn(again, issuer)), 'a login by an account that is unlinked goes on');
  await own.context.close();
  await again.context.close();
}

async function failures(world) {
  const { issuer, idp } = world;
  const somebody = await visitor(world);
  const { context, page, says, press, begin } = somebody;
  const stays = async () => must(!(await isIn(somebody, issuer)), 'somebody is in');

  await begin('Northwind staff');
  await press('Not me');
  await says('did not let you in');
  await stays();

  // A login up to the way back, which is not gone: a browser follows redirects by itself.
  const held = async ({ context, page, begin }) => {
    await context.clearCookies({ domain: '127.0.0.1' });
    await begin('Northwind staff');
    let answer = await context.request.post(page.url(), { form: { sub: 'sub-grace' }, maxRedirects: 0 });
    for (;;) {
      const { location } = answer.headers();
      must(location, `the provider answers with ${answer.status()}`);
      if (location.startsWith(issuer)) return location;
      answer = await context.request.get(location, { maxRedirects: 0 });
    }
  };
  const way = await held(somebody);
  const other = await visitor(world);
  await other.page.goto(way);
  await other.says('belongs to the browser that it began in');
  must(!(await isIn(other, issuer)), 'another browser is in');
  const changed = (name, value) => {
    const url = new URL(way);
    value ? url.searchParams.set(name, value) : url.searchParams.delete(name);
    return url.href;
  };
  await page.goto(changed('state', 'sp_os_made-up'));
  await says('You are not logged in');
  await page.goto(changed('state'));
  await says('You are not logged in');
  await page.goto(changed('iss', 'https://evil.example'));
  await says('cannot be believed');
  await page.goto(way);
  await says('can be finished once');
  await stays();

  // The provider says no more than that it has an error of its own.
  const wrong = new URL(await held(somebody));
  wrong.searchParams.delete('code');
  wrong.searchParams.set('error', 'server_error');
  wrong.searchParams.set('error_description', '<b>of theirs</b>');
  await page.goto(wrong.href);
  await says('did not let you in');
  must(!(await page.content()).includes('of theirs'), 'words of the provider are on our page');

  // It goes away on the way back, and comes again.
  const last = await held(somebody);
  await idp.stop();
  const answer = await page.goto(last);
  must(answer.status() === 503, `a provider that is away is answered with ${answer.status()}`);
  await says('did not answer as it should');
  await idp.start();

  // Two tabs of one browser: each login is good, the later one counts.
  const [one, two] = [await held(somebody), await held(somebody)];
  await page.goto(two);
  await page.goto(one);
  must(await isIn(somebody, issuer), 'of two logins at once none came to anything');
  await page.goto(two);
  await says('You are logged in as before');
  await page.getByRole('link', { name: 'Go on' }).click();
  must(page.url() === `${issuer}/account`, `the way on leads to ${page.url()}`);
  await context.close();
  await other.context.close();
}

// Other keys from one login to the next.
async function rotation(world) {
  const { issuer, idp } = world;
  idp.rotate();
  const grace = await visitor(world);
  // Keys are asked for twice a minute at most, so that made-up names of keys ask for nothing: people try again.
  for (const end = Date.now() + 45_000; !(await isIn(grace, issuer)); ) {
    must(Date.now() < end, 'nobody comes in by new keys');
    await grace.come('Grace Hopper');
  }
  await grace.context.close();
}

async function tour(world, kind) {
  const { browser, issuer, person, directory } = world;
  const { context, page, look } = await eyes(browser, { ...kind, ignoreHTTPSErrors: true }, directory);
  const { begin, press, come } = hands(page, issuer);
  await page.goto(`${issuer}/login`);
  await look('provider-login');
  await begin('Northwind staff');
  await press('Not me');
  await look('provider-refused', ['403']);
  await come('Mallory');
  await look('provider-no-account', ['403']);
  await context.clearCookies();
  await page.goto(`${issuer}/account/security`);
  await logIn(page, person.username, person.password);
  await look('provider-security');
  await press('Link Northwind guests');
  await press('Eve Elsewhere');
  await look('provider-linked');
  await press('Link Northwind staff');
  await press('Grace Hopper');
  await look('provider-linked-elsewhere', ['409']);
  await page.goto(`${issuer}/account/security`);
  await press('Remove Northwind guests');
  await context.close();
  return { pages: 6 };
}
