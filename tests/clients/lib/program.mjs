// A program that uses a server for a person, as small as can be: registers, is allowed, calls.
import { createHash, randomBytes } from 'node:crypto';
import { must } from './report.mjs';

/** Registers a public client (RFC 7591). Gives the registration. */
export async function register(issuer, redirect, more = {}) {
  const response = await fetch(`${issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Day tripper', redirect_uris: [redirect], token_endpoint_auth_method: 'none', ...more }),
  });
  must(response.status === 201, `the registration was answered with ${response.status}`);
  return response.json();
}

/** An authorization request that is good for many visits, and its verifier. */
export function request(issuer, client, redirect, resource, more = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const address = new URL(`${issuer}/authorize`);
  address.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirect,
    state: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource,
    ...more,
  });
  return { address: address.href, verifier };
}

/** Somebody who is logged in on this page says yes. Gives the tokens. */
export async function authorize(page, issuer, client, callback, resource) {
  const { address, verifier } = request(issuer, client, callback.url, resource);
  await page.goto(address);
  await page.locator('button[name=decision][value=approve]').click();
  await page.waitForURL((to) => to.href.startsWith(callback.url));
  const code = new URL(page.url()).searchParams.get('code');
  const body = { grant_type: 'authorization_code', client_id: client.client_id, redirect_uri: callback.url, code, code_verifier: verifier };
  const response = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(body) });
  must(response.ok, `the token request was answered with ${response.status}`);
  return response.json();
}

/** Lists tools as the revision 2026-07-28 does. Gives the status. */
export function listTools(resource, token) {
  const method = 'tools/list';
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
  return send(resource, token, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }, method, { _meta });
}

/** Begins a session as older revisions do. Gives the status. */
export function initialize(resource, token) {
  const clientInfo = { name: 'day-tripper', version: '1.0.0' };
  return send(resource, token, {}, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
}

async function send(resource, token, headers, method, params) {
  const response = await fetch(resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  await response.text();
  return response.status;
}
