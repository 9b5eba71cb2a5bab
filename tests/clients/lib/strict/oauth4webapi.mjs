// What strict.mjs does, in the words of oauth4webapi 3: every answer is validated by the library.
import * as oauth from 'oauth4webapi';

// Loopback only: these tests run without TLS.
const options = { [oauth.allowInsecureRequests]: true };

export async function discover(issuer) {
  const url = new URL(issuer);
  const response = await oauth.discoveryRequest(url, { ...options, algorithm: 'oauth2' });
  return oauth.processDiscoveryResponse(url, response);
}

export async function register(flow, metadata) {
  const response = await oauth.dynamicClientRegistrationRequest(flow.server, metadata, options);
  const registered = await oauth.processDynamicClientRegistrationResponse(response);
  return { as: registered, auth: oauth.None() };
}

export async function machine(method, { id, secret, jwk, alg, kid }) {
  const auth = {
    client_secret_basic: () => oauth.ClientSecretBasic(secret),
    client_secret_post: () => oauth.ClientSecretPost(secret),
    private_key_jwt: async () => oauth.PrivateKeyJwt({ key: await importKey(jwk, alg), kid }),
  };
  return { as: { client_id: id }, auth: await auth[method]() };
}

/** A private key for signing, out of a JWK. */
export function importKey(jwk, alg) {
  const algorithm = { EdDSA: { name: 'Ed25519' }, ES256: { name: 'ECDSA', namedCurve: 'P-256' } }[alg];
  return crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']);
}

export async function authorizationUrl(flow) {
  flow.verifier = oauth.generateRandomCodeVerifier();
  flow.state = oauth.generateRandomState();
  const url = new URL(flow.server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: flow.client.as.client_id,
    redirect_uri: flow.redirect,
    response_type: 'code',
    code_challenge: await oauth.calculatePKCECodeChallenge(flow.verifier),
    code_challenge_method: 'S256',
    state: flow.state,
    resource: flow.resource,
  });
  return url;
}

export async function redeem(flow, callback) {
  const { server, client } = flow;
  const answer = oauth.validateAuthResponse(server, client.as, callback, flow.state);
  const more = { ...options, additionalParameters: { resource: flow.resource } };
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client.as,
    client.auth,
    answer,
    flow.redirect,
    flow.verifier,
    more,
  );
  return oauth.processAuthorizationCodeResponse(server, client.as, response);
}

export async function refresh({ server, client }, token) {
  const response = await oauth.refreshTokenGrantRequest(server, client.as, client.auth, token, options);
  return oauth.processRefreshTokenResponse(server, client.as, response);
}

export async function revoke({ server, client }, token) {
  const response = await oauth.revocationRequest(server, client.as, client.auth, token, options);
  await oauth.processRevocationResponse(response);
}

export async function clientCredentials({ server, client, resource }) {
  const parameters = new URLSearchParams({ resource });
  const response = await oauth.clientCredentialsGrantRequest(server, client.as, client.auth, parameters, options);
  return oauth.processClientCredentialsResponse(server, client.as, response);
}

export async function introspect({ server, client }, token) {
  const response = await oauth.introspectionRequest(server, client.as, client.auth, token, options);
  return oauth.processIntrospectionResponse(server, client.as, response);
}

export async function deviceAuthorization({ server, client, resource }) {
  const parameters = new URLSearchParams({ resource });
  const response = await oauth.deviceAuthorizationRequest(server, client.as, client.auth, parameters, options);
  return oauth.processDeviceAuthorizationResponse(server, client.as, response);
}

export async function poll({ server, client, device }) {
  const response = await oauth.deviceCodeGrantRequest(server, client.as, client.auth, device.device_code, options);
  return oauth.processDeviceCodeResponse(server, client.as, response);
}
