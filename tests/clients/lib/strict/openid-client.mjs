// What strict.mjs does, in the words of openid-client 6: every answer is validated by the library.
import * as client from 'openid-client';
import { importKey } from './oauth4webapi.mjs';

// Loopback only: these tests run without TLS.
const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] };

export async function discover(issuer) {
  const configuration = await client.discovery(new URL(issuer), 'nobody', undefined, client.None(), options);
  return configuration.serverMetadata();
}

function configured(server, metadata, auth) {
  const configuration = new client.Configuration(server, metadata.client_id, metadata, auth);
  client.allowInsecureRequests(configuration);
  return configuration;
}

export async function register({ server }, metadata) {
  return client.dynamicClientRegistration(new URL(server.issuer), metadata, client.None(), options);
}

export async function machine(method, { id, secret, jwk, alg, kid }) {
  const auth = {
    client_secret_basic: () => client.ClientSecretBasic(secret),
    client_secret_post: () => client.ClientSecretPost(secret),
    private_key_jwt: async () => client.PrivateKeyJwt({ key: await importKey(jwk, alg), kid }),
  };
  const made = await auth[method]();
  return (server) => configured(server, { client_id: id }, made);
}

function of({ server, client: known }) {
  return typeof known === 'function' ? known(server) : known;
}

export async function authorizationUrl(flow) {
  flow.verifier = client.randomPKCECodeVerifier();
  flow.state = client.randomState();
  return client.buildAuthorizationUrl(of(flow), {
    redirect_uri: flow.redirect,
    code_challenge: await client.calculatePKCECodeChallenge(flow.verifier),
    code_challenge_method: 'S256',
    state: flow.state,
    resource: flow.resource,
  });
}

export function redeem(flow, callback) {
  const checks = { pkceCodeVerifier: flow.verifier, expectedState: flow.state };
  return client.authorizationCodeGrant(of(flow), callback, checks, { resource: flow.resource });
}

export function refresh(flow, token) {
  return client.refreshTokenGrant(of(flow), token);
}

export function revoke(flow, token) {
  return client.tokenRevocation(of(flow), token);
}

export function clientCredentials(flow) {
  return client.clientCredentialsGrant(of(flow), { resource: flow.resource });
}

export function introspect(flow, token) {
  return client.tokenIntrospection(of(flow), token);
}

export function deviceAuthorization(flow) {
  return client.initiateDeviceAuthorization(of(flow), { resource: flow.resource });
}

export function poll(flow) {
  return client.pollDeviceAuthorizationGrant(of(flow), flow.device);
}
