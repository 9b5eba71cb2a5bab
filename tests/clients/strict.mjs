// The strict OAuth clients openid-client 6 and oauth4webapi 3, unmodified, through every grant. README.md has the options.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { readPerson } from './lib/arguments.mjs';
import { approveDevice, authorize } from './lib/browser.mjs';
import { openCallback } from './lib/callback.mjs';
import { main, must, Report, Usage } from './lib/report.mjs';
import * as high from './lib/strict/openid-client.mjs';
import * as low from './lib/strict/oauth4webapi.mjs';

const LIBRARIES = { 'openid-client': high, oauth4webapi: low };
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

await main(async () => {
  const { values, positionals } = parseArgs({
    options: { machines: { type: 'string' }, introspector: { type: 'string' } },
    allowPositionals: true,
  });
  const [name, issuer, resource] = positionals;
  const library = LIBRARIES[name];
  if (positionals.length !== 3 || !library) throw new Usage('three arguments are needed: LIBRARY, ISSUER and RESOURCE');
  const trip = { library, issuer, resource, person: readPerson(), report: new Report() };
  trip.report.secret(trip.person.password);
  await discover(trip);
  await people(trip);
  if (trip.server.grant_types_supported.includes(DEVICE)) await device(trip);
  if (values.machines) await machines(trip, await read(values.machines));
  if (values.introspector) await introspection(trip, await read(values.introspector));
});

async function read(file) {
  return JSON.parse(await readFile(file, 'utf8'));
}

async function discover(trip) {
  await trip.report.step('discover', async () => {
    const server = await trip.library.discover(trip.issuer);
    trip.server = server;
    must(server.issuer === trip.issuer, 'the issuer differs');
    return { grants: server.grant_types_supported, methods: server.token_endpoint_auth_methods_supported };
  });
}

// A person's login, by a client that registers itself.
async function people(trip) {
  const { report, library, resource, person } = trip;
  const callback = await openCallback();
  try {
    const flow = { server: trip.server, resource, redirect: callback.url };
    await report.step('register', async () => {
      flow.client = await library.register(flow, {
        client_name: 'Strict client',
        redirect_uris: [callback.url],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      });
    });
    const answer = new URL(callback.url);
    await report.step('authorize', async () => {
      const url = await library.authorizationUrl(flow);
      const { pages } = await authorize({ url, redirectPrefix: callback.url, ...person });
      must(callback.received.length === 1, 'the redirect came more than once');
      answer.search = callback.received[0].search;
      return { pages };
    });
    await tokens(trip, flow, 'code', () => library.redeem(flow, answer));
    must(flow.tokens.refresh_token, 'no refresh token');
    await tokens(trip, flow, 'refresh', () => library.refresh(flow, flow.tokens.refresh_token));
    await report.step('revoke', () => library.revoke(flow, flow.tokens.refresh_token));
    await call(trip, 'revoked', flow.tokens.access_token, 401);
  } finally {
    callback.close();
  }
}

async function tokens(trip, flow, name, ask) {
  await trip.report.step(name, async () => {
    flow.tokens = await ask();
    for (const secret of ['access_token', 'refresh_token']) trip.report.secret(flow.tokens[secret]);
    return { scope: flow.tokens.scope, expiresIn: flow.tokens.expires_in, renewable: 'refresh_token' in flow.tokens };
  });
  await call(trip, `${name}: call`, flow.tokens.access_token, 200);
}

async function device(trip) {
  const { report, library, resource, person } = trip;
  const flow = { server: trip.server, resource };
  await report.step('device: register', async () => {
    flow.client = await library.register(flow, {
      client_name: 'Strict device',
      grant_types: [DEVICE, 'refresh_token'],
      token_endpoint_auth_method: 'none',
    });
  });
  await report.step('device: approve', async () => {
    flow.device = await library.deviceAuthorization(flow);
    report.secret(flow.device.device_code);
    await approveDevice({ url: flow.device.verification_uri_complete, ...person });
  });
  await tokens(trip, flow, 'device', () => library.poll(flow));
}

// Clients that act for themselves, each by its own way to prove who it is.
async function machines(trip, clients) {
  for (const [method, machine] of Object.entries(clients)) {
    const flow = { server: trip.server, resource: trip.resource };
    trip.report.secret(machine.secret);
    flow.client = await trip.library.machine(method, machine);
    await tokens(trip, flow, method, () => trip.library.clientCredentials(flow));
    must(!('refresh_token' in flow.tokens), 'a machine client got a refresh token');
    trip.last = flow;
  }
}

// A server asks what a token is good for.
async function introspection(trip, { id, secret }) {
  const { report, library, last } = trip;
  report.secret(secret);
  const flow = { server: trip.server, client: await library.machine('client_secret_basic', { id, secret }) };
  await report.step('introspect', async () => {
    const said = await library.introspect(flow, last.tokens.access_token);
    must(said.active === true && said.scope === last.tokens.scope, 'the token is not what it was issued as');
    return { sub: said.sub };
  });
  await report.step('introspect: unknown', async () => {
    const said = await library.introspect(flow, 'sp_at_unknown');
    must(JSON.stringify(said) === '{"active":false}', 'more is said of an unknown token than that it is none');
  });
}

// A list of tools, which any scope allows.
async function call(trip, name, token, status) {
  await trip.report.step(name, async () => {
    const response = await fetch(trip.resource, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/list',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/list',
        params: {
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
    await response.arrayBuffer();
    must(response.status === status, `the call was answered with ${response.status}`);
  });
}
