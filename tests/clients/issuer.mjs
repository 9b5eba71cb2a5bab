// oidc-provider, unmodified, as an authorization server outside: client_credentials gives JWT access tokens (RFC 9068) for
// the resource that is asked for (RFC 8707). Each start has keys of its own.
//
//   issuer.mjs ISSUER CERTIFICATE KEY SCOPE...
//
// Prints {"step":"ready"} when it listens at ISSUER, https://HOST:PORT, and ends with its standard input.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const [issuer, certificate, key, ...scopes] = process.argv.slice(2);
if (!scopes.length) {
  console.error('issuer.mjs ISSUER CERTIFICATE KEY SCOPE...');
  process.exit(2);
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signing = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: randomUUID() };

const provider = new Provider(issuer, {
  jwks: { keys: [signing] },
  clients: [
    {
      client_id: 'robot',
      client_secret: 'the secret of the robot',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  scopes,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: scopes.join(' '),
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
const { hostname, port } = new URL(issuer);
createServer(tls, provider.callback()).listen(Number(port), hostname, () => {
  console.log(JSON.stringify({ step: 'ready' }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
