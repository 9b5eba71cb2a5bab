// oidc-provider, unmodified, as the identity provider of people: code with PKCE, logout of the browser and back-channel logout. Its pages
// are as small as can be, and work without JavaScript. Who somebody is, they say on its login page; nobody has a password there.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const CLAIMS = {
  openid: ['sub', 'amr'],
  profile: ['name', 'preferred_username'],
  email: ['email', 'email_verified'],
  groups: ['groups'],
};

/**
 * Starts one at `https://127.0.0.1:PORT`. `people` are claims by `sub`, `clients` as oidc-provider takes them.
 *
 * `rotate()` gives it other keys, `stop()` takes it away and `start()` brings it back, with all its sessions.
 */
export async function openIdentityProvider({ port, tls, clients, people }) {
  const issuer = `https://127.0.0.1:${port}`;
  let handler, server;
  const rotate = () => {
    const provider = made(issuer, clients, people);
    // It tells whoever logs out nothing of this.
    provider.on('backchannel.error', (_, error, client) => console.error(`logout of ${client.clientId}: ${error.message} ${error.cause?.message ?? ""}`));
    const pages = provider.callback();
    handler = (request, response) => {
      const uid = /^\/interaction\/([\w-]+)$/.exec(request.url)?.[1];
      return uid ? interact(provider, people, request, response) : pages(request, response);
    };
  };
  const start = async () => {
    server = createServer(tls, (request, response) => handler(request, response));
    await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  };
  const stop = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  rotate();
  await start();
  return { issuer, rotate, start, stop };
}

function made(issuer, clients, people) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: randomUUID() };
  return new Provider(issuer, {
    jwks: { keys: [key] },
    clients,
    cookies: { keys: ['of this test alone'] },
    claims: CLAIMS,
    scopes: ['openid', 'offline_access', ...Object.keys(CLAIMS)],
    // Sallyport reads the ID token and asks for nothing else.
    conformIdTokenClaims: false,
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people[sub] }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
      grant.addOIDCScope(Object.keys(CLAIMS).join(' '));
      await grant.save();
      return grant;
    },
    // Everybody is on this computer, where it would send nobody a logout token.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        logoutSource: (ctx, form) => {
          ctx.body = page(`${form}<button name="logout" form="op.logoutForm" value="yes">Log out here</button>`);
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = page('<p>You are logged out here.</p>');
        },
      },
    },
  });
}

// Who are you? Or: not today.
async function interact(provider, people, request, response) {
  if (request.method !== 'POST') {
    const button = (sub) => `<button name="sub" value="${sub}">${people[sub].name}</button>`;
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(page(`<form method="post">${Object.keys(people).map(button).join('')}<button name="refuse" value="1">Not me</button></form>`));
    return;
  }
  const parts = [];
  for await (const part of request) parts.push(part);
  const form = new URLSearchParams(Buffer.concat(parts).toString());
  const result = form.get('sub')
    ? { login: { accountId: form.get('sub'), remember: true } }
    : { error: 'access_denied', error_description: 'they did not want to' };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const page = (body) => `<!doctype html><title>Identity provider</title><link rel="icon" href="data:,">${body}`;
