// oidc-provider as an authorization server for the same kind of clients as Sallyport's in this benchmark, in memory.
//
//   server.mjs PORT RESOURCE REDIRECT SECRET CHALLENGE      says what it is in a line of JSON, then serves on 127.0.0.1
//
// A number on standard input is answered with so many fresh codes, in a line of JSON. It ends when its input does.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

// What it has to remark on its configuration would come between the answers.
console.info = console.warn = () => {};
const { Provider } = await import('oidc-provider');

const [port, resource, redirectUri, secret, codeChallenge] = process.argv.slice(2);
const scope = 'mcp:read mcp:write';
const day = 24 * 60 * 60;

// Less work than the adapter that oidc-provider has of its own: that one keeps a list of a grant's tokens in order, and
// no more than 1000 entries. This one keeps enough for the measurement, so that memory does not grow for ever.
const MOST = 100_000;

class Memory {
  #entries = new Map();

  async upsert(id, payload) {
    this.#entries.set(id, payload);
    if (this.#entries.size > MOST) this.#entries.delete(this.#entries.keys().next().value);
  }

  async find(id) {
    return this.#entries.get(id);
  }

  async consume(id) {
    this.#entries.get(id).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    this.#entries.delete(id);
  }

  async revokeByGrantId() {
    throw new Error('nothing is revoked here');
  }
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Memory,
  clients: [
    {
      client_id: 'bench',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: [redirectUri],
    },
    {
      client_id: 'machine',
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
    { client_id: 'tools', client_secret: secret, grant_types: [], redirect_uris: [], response_types: [] },
  ].map((client) => ({ grant_types: ['authorization_code', 'refresh_token'], ...client })),
  scopes: scope.split(' '),
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  pkce: { required: () => true },
  ttl: { AccessToken: day, AuthorizationCode: day, ClientCredentials: day, Grant: day, RefreshToken: day },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope, accessTokenFormat: 'opaque', accessTokenTTL: day }),
    },
  },
});

const client = await provider.Client.find('bench');
const grant = new provider.Grant({ accountId: 'ada', clientId: client.clientId });
grant.addResourceScope(resource, scope);
const grantId = await grant.save();

function code() {
  const codeChallengeMethod = 'S256';
  const asked = { client, accountId: 'ada', grantId, redirectUri, resource, scope, codeChallenge, codeChallengeMethod };
  return new provider.AuthorizationCode(asked).save();
}

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const about = readFileSync(new URL('node_modules/oidc-provider/package.json', import.meta.url));
provider.listen(Number(port), '127.0.0.1', () => say(`oidc-provider ${JSON.parse(about).version}, Node.js ${process.version}`));

for await (const line of createInterface({ input: process.stdin })) {
  const codes = [];
  for (let left = Number(line); left > 0; left -= 1) codes.push(await code());
  say(codes);
}
process.exit();
