// The console of the platform: tenants made, passed on, stopped and removed without JavaScript, and every page of it in every look.
//
//   tests/clients/run ../browser/platform.mjs ORIGIN DIRECTORY
//
// SALLYPORT_USERNAME and SALLYPORT_PASSWORD are those of an administrator of the platform.
import { readPerson } from '../clients/lib/arguments.mjs';
import { launch, logIn } from '../clients/lib/browser.mjs';
import { LOOKS, eyes } from '../clients/lib/look.mjs';
import { main, must, Report, Usage } from '../clients/lib/report.mjs';

const CHOSEN = 'seven green umbrellas';

await main(async () => {
  const [origin, directory] = process.argv.slice(2);
  if (!origin || !directory) throw new Usage('two arguments are needed: ORIGIN and DIRECTORY');
  const person = readPerson();
  const report = new Report();
  report.secret(person.password);
  const world = { origin, base: `${origin}/console/t/platform`, person, directory };
  const browser = await launch();
  try {
    await report.step('work', () => work(browser, world));
    for (const look of LOOKS) await report.step(look.name, () => tour(browser, look, world));
  } finally {
    await browser.close();
  }
}, 300);

// Somebody in a browser of their own, without JavaScript.
async function visitor(browser) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const press = async (name) => {
    await page.locator('main').getByRole('button', { name, exact: true }).click();
    await page.waitForLoadState();
  };
  const follow = async (name) => {
    await page.locator('nav, main').getByRole('link', { name, exact: true }).first().click();
    await page.waitForLoadState();
  };
  const fill = async (fields) => {
    for (const [name, text] of Object.entries(fields)) await page.locator(`input[name=${name}]`).fill(text);
  };
  const says = async (text) => {
    const words = await page.locator('main').innerText();
    must(words.includes(text), `no "${text}" but: ${words.slice(0, 400)}`);
  };
  return { context, page, press, follow, fill, says };
}

// The link that a page shows once.
async function shown(page) {
  const link = (await page.locator('main pre').innerText()).trim();
  must(link.includes('/link?link='), `no link but: ${link}`);
  return link;
}

async function work(browser, { origin, base, person }) {
  const { context, page, press, follow, fill, says } = await visitor(browser);
  await page.goto(base);
  await logIn(page, person.username, person.password);
  must(page.url() === base, `the login led to ${page.url()}`);

  await follow('Tenants');
  await follow('Make a tenant');
  await fill({ name: 'Harbour works', slug: 'Not A Slug', username: 'ines' });
  await press('Make it');
  await says('A name in an address is 1 to 63 characters');
  await fill({ slug: 'harbour' });
  await press('Make it');
  const link = await shown(page);

  // Whoever gets the link is the administrator, of that tenant and of no other.
  const ines = await visitor(browser);
  await ines.page.goto(link);
  await ines.fill({ password: CHOSEN, repeat: CHOSEN });
  await ines.press('Set the password');
  await ines.page.goto(`${origin}/console/t/harbour`);
  await logIn(ines.page, 'ines', CHOSEN);
  await ines.follow('Servers');
  await ines.says('Add a server');
  await ines.page.goto(`${base}/tenants`);
  must(await ines.page.locator('input[name=password]').count(), 'the platform does not ask who that is');

  await follow('Back to the tenant');
  await says('Active');
  await follow('Edit');
  await fill({ name: 'Harbour and dock works' });
  await press('Save');
  await says('Saved.');
  await follow('Make a link for an administrator');
  await fill({ username: 'ines' });
  await press('Make the link');
  await shown(page);

  await page.goto(`${base}/tenants?q=dock`);
  await follow('Harbour and dock works');
  await follow('Disable');
  await press('Disable');
  await says('Disabled');
  const answer = await ines.page.goto(`${origin}/console/t/harbour/servers`);
  must(answer.status() === 404, `a disabled tenant answers with ${answer.status()}`);
  await follow('Enable');
  await press('Enable');
  await says('Active');
  const again = await ines.page.goto(`${origin}/console/t/harbour/servers`);
  must(again.status() === 200, `an enabled tenant answers with ${again.status()}`);

  await follow('Disable');
  await press('Disable');
  await follow('Remove');
  await fill({ slug: 'harbor' });
  await press('Remove');
  await says('not its name in addresses');
  await fill({ slug: 'harbour' });
  await press('Remove');
  await says('Removed');
  // Its name is never used again.
  await page.goto(`${base}/tenants/-/new`);
  await fill({ name: 'Another', slug: 'harbour', username: 'ines' });
  await press('Make it');
  await says('is taken, or was once');

  await follow('People');
  await follow('Invite somebody');
  await fill({ username: 'otto' });
  await press('Make the invitation');
  await says('/link?link=');
  await follow('Audit log');
  await says('admin.changed');
  await ines.context.close();
  await context.close();
}

async function tour(browser, kind, { base, person, directory }) {
  const { context, page, look } = await eyes(browser, kind, directory);
  await page.goto(base);
  await look('platform-login');
  await logIn(page, person.username, person.password);
  const ways = ['', 'tenants', 'tenants?q=nothing-of-this-name', 'tenants?status=removed', 'tenants/-/new', 'tenants/demo'];
  ways.push(...['edit', 'link', 'disable'].map((act) => `tenants/demo/${act}`), 'tenants/harbour');
  ways.push('people', 'people/-/new', 'audit', 'audit/-/checkpoints', 'audit/-/export', 'settings', 'settings/edit');
  for (const way of ways) {
    const answer = await page.goto(`${base}/${way}`);
    must(answer.status() === 200, `${way}: ${answer.status()}`);
    await look(`platform-${way.replaceAll(/[^a-z]+/g, '-') || 'overview'}`);
  }
  // What belongs to a tenant is not here, and the page says where it is.
  const answer = await page.goto(`${base}/servers`);
  must(answer.status() === 404, `servers of the platform: ${answer.status()}`);
  await look('platform-nothing', ['404']);
  await page.goto(`${base}/tenants/-/new`);
  await page.locator('input[name=name]').fill('Kept');
  await page.locator('input[name=slug]').fill('Not A Slug');
  await page.locator('main form button').click();
  must((await page.locator('[role=alert]').count()) === 1, 'nothing is said of a name that cannot be');
  must((await page.locator('input[name=name]').inputValue()) === 'Kept', 'what was typed is lost');
  await look('platform-tenants-wrong', ['400']);
  await context.close();
  return { pages: ways.length + 3 };
}
