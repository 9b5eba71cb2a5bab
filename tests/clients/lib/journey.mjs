// What a person with an MCP client does, from nothing but the MCP URL to a token that no longer works.
// The two SDKs share the names of all that is used here; an `sdk` says how each makes its parts.
import { authorize } from './browser.mjs';
import { openCallback } from './callback.mjs';
import { MemoryProvider } from './oauth-provider.mjs';
import { must, Report } from './report.mjs';
import { calls } from './tools.mjs';
import { Traffic } from './traffic.mjs';

const STREAM_LIMIT_MS = 5_000;

export async function journey(sdk, options) {
  const report = new Report();
  report.secret(options.person.password);
  const traffic = new Traffic(options.url.origin);
  const callback = await openCallback();
  const provider = new MemoryProvider({ redirectUrl: callback.url, name: sdk.name, report });
  const trip = { sdk, options, report, traffic, callback, provider };
  // Each step also shows the HTTP requests that the client sent during it.
  const step = (name, run) =>
    report.step(name, async () => {
      traffic.take();
      return { ...(await run(trip)), http: traffic.take() };
    });

  try {
    await step('challenge', challenge);
    await step('authorize', consent);
    if (options.decision === 'deny') return;
    await step('token', redeem);
    await step('connect', connect);
    await step('tools/list', listTools);
    for (const call of calls(trip.tools, options)) {
      trip.call = call;
      await step('tools/call', () => callTool(trip, call));
    }
    for (const call of options.denied) {
      await step('denied', () => denied(trip, call));
      if (options['step-up']) await step('step-up', () => stepUp(trip, call));
    }
    await step('refresh', refresh);
    await step('revoke', revoke);
    await step('refused', refused);
    await trip.client.close();
  } finally {
    callback.close();
  }
}

// The first request has no token; the 401 leads the SDK through discovery and registration to an address for the browser.
async function challenge({ sdk, options, traffic, provider }) {
  await rejects(sdk, sdk.client().connect(sdk.transport(options.url, provider)));
  must(traffic.log[0].status === 401, `the first answer was ${traffic.log[0].status}, not 401`);
  must(provider.authorizationUrl, 'the SDK did not ask for a browser');
  const asked = provider.authorizationUrl.searchParams;
  must(asked.get('code_challenge_method') === 'S256', 'the SDK did not use PKCE with S256');
  const { authorizationServerUrl, resourceMetadata } = provider.discoveryState();
  must(resourceMetadata?.resource === asked.get('resource'), 'the SDK did not ask for the resource of the metadata');
  return { issuer: authorizationServerUrl, resource: asked.get('resource'), scope: asked.get('scope') };
}

async function consent(trip, clear = trip.options.clear) {
  const { options, report, callback, provider } = trip;
  const { pages, consent: shown } = await authorize({
    url: provider.authorizationUrl,
    redirectPrefix: callback.url,
    ...options.person,
    decision: options.decision,
    clear,
  });
  const redirects = callback.received.splice(0);
  must(redirects.length === 1, `the redirect came ${redirects.length} times`);
  const answer = redirects[0].searchParams;
  trip.answer = answer;
  report.secret(answer.get('code'));
  must(answer.get('state') === provider.lastState, 'the state came back changed');
  const { issuer } = provider.discoveryState().authorizationServerMetadata;
  must(answer.get('iss') === issuer, `iss is ${answer.get('iss')}, not ${issuer}`);
  if (options.decision === 'deny') {
    must(answer.get('error') === 'access_denied', `denied, yet the answer was ${answer.get('error') ?? 'a code'}`);
    return { pages, consent: shown, error: 'access_denied' };
  }
  must(answer.get('code'), `no code: ${answer.get('error')} ${answer.get('error_description') ?? ''}`);
  return { pages, consent: shown };
}

async function redeem({ sdk, options, provider, answer }) {
  await sdk.finish(sdk.transport(options.url, provider), answer);
  const tokens = provider.tokens();
  must(tokens.refresh_token, 'no refresh token');
  return { tokenType: tokens.token_type, expiresIn: tokens.expires_in, scope: tokens.scope };
}

async function connect(trip) {
  trip.client = trip.sdk.client();
  trip.transport = trip.sdk.transport(trip.options.url, trip.provider);
  await trip.client.connect(trip.transport);
  return {
    protocolVersion: trip.sdk.protocolVersion(trip.client, trip.transport),
    server: trip.client.getServerVersion()?.name,
    session: trip.transport.sessionId !== undefined,
  };
}

async function listTools(trip) {
  trip.tools = (await trip.client.listTools()).tools;
  must(trip.tools.length > 0, 'the server has no tools');
  return { tools: trip.tools.map((tool) => tool.name) };
}

async function callTool({ client }, { name, arguments: input }) {
  const result = await client.callTool({ name, arguments: input ?? {} });
  const text = (result.content ?? []).map((part) => part.text ?? `[${part.type}]`).join('\n');
  must(!result.isError, `${name} answered with an error: ${text}`);
  return { tool: name, text: text.slice(0, 2000) };
}

// A tool that the token's scopes do not cover: 403, and a client that can do so asks for more.
async function denied({ client, traffic, provider }, { name, arguments: input }) {
  provider.authorizationUrl = undefined;
  const error = await client.callTool({ name, arguments: input ?? {} }).then(
    () => undefined,
    (thrown) => thrown,
  );
  must(error, `${name} was allowed`);
  must(traffic.log.some((entry) => entry.status === 403), 'no answer was 403');
  return {
    tool: name,
    error: error.constructor.name,
    stepUpScope: provider.authorizationUrl?.searchParams.get('scope') ?? null,
  };
}

// The client was told which scopes the tool needs and has an address for the browser: the person approves them all.
async function stepUp(trip, call) {
  must(trip.provider.authorizationUrl, 'the SDK did not ask for more');
  const { pages, consent: shown } = await consent(trip, []);
  const { scope } = await redeem(trip);
  await trip.client.close();
  await connect(trip);
  const { text } = await callTool(trip, call);
  return { pages, consent: shown, scope, tool: call.name, text };
}

// The SDK's own refresh; the new access token must work on the connection that is already there.
async function refresh(trip) {
  const { sdk, provider } = trip;
  const old = provider.tokens();
  provider.saveTokens({ ...(await sdk.refresh(...refreshRequest(provider, old))), issuer: old.issuer });
  const { access_token: access, refresh_token: next, scope } = provider.tokens();
  must(access !== old.access_token, 'the refreshed access token is the old one');
  await callTool(trip, trip.call);
  return { scope, rotated: next !== old.refresh_token };
}

function refreshRequest(provider, tokens) {
  const { authorizationServerUrl, authorizationServerMetadata, resourceMetadata } = provider.discoveryState();
  const request = {
    metadata: authorizationServerMetadata,
    clientInformation: provider.clientInformation(),
    refreshToken: tokens.refresh_token,
    resource: resourceMetadata.resource,
  };
  return [authorizationServerUrl, request];
}

// RFC 7009: the refresh token ends its family; event streams that are open on it end too.
async function revoke(trip) {
  const { traffic, provider } = trip;
  const { revocation_endpoint: endpoint } = provider.discoveryState().authorizationServerMetadata;
  must(endpoint, 'the metadata names no revocation_endpoint');
  trip.revoked = provider.tokens();
  trip.refreshRevoked = refreshRequest(provider, trip.revoked);
  const streams = traffic.openStreams();
  const response = await fetch(endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      token: trip.revoked.refresh_token,
      token_type_hint: 'refresh_token',
      client_id: provider.clientInformation().client_id,
    }),
  });
  must(response.status === 200, `the revocation was answered with ${response.status}`);
  must(await traffic.ended(streams, STREAM_LIMIT_MS), 'an event stream of the revoked token is still open');
  return { streamsCut: streams.length };
}

// The very next call is refused, to the SDK and to anyone else who has the token; so is a refresh.
async function refused(trip) {
  const { sdk, options, client, traffic, provider, revoked } = trip;
  provider.authorizationUrl = undefined;
  await rejects(sdk, client.callTool({ name: trip.call.name, arguments: trip.call.arguments ?? {} }));
  must(traffic.log.some((entry) => entry.path === options.url.pathname && entry.status === 401), 'no answer was 401');
  must(provider.authorizationUrl, 'the SDK did not ask for a new login');

  const response = await fetch(options.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${revoked.access_token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
  });
  const header = response.headers.get('www-authenticate') ?? '';
  must(response.status === 401, `the revoked token was answered with ${response.status}`);
  must(/^Bearer .*error="invalid_token"/.test(header), `the challenge does not say invalid_token: ${header}`);

  const error = await sdk.refresh(...trip.refreshRevoked).then(
    () => undefined,
    (thrown) => thrown,
  );
  must(error, 'the revoked refresh token still works');
  must(sdk.isInvalidGrant(error), `the revoked refresh token got ${error.constructor.name}, not invalid_grant`);
  return { challenge: header };
}

async function rejects(sdk, promise) {
  const error = await promise.then(
    () => undefined,
    (thrown) => thrown,
  );
  must(error, 'no login was asked for');
  if (!(error instanceof sdk.UnauthorizedError)) throw error;
}
