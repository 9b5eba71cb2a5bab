// @modelcontextprotocol/client 2.x, unmodified, through the whole journey. README.md has the options.
import {
  Client,
  OAuthError,
  OAuthErrorCode,
  refreshAuthorization,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';
import { readArguments } from './lib/arguments.mjs';
import { journey } from './lib/journey.mjs';
import { main, Usage } from './lib/report.mjs';

const name = 'Client 2.x test client';

// What a program may ask of the client: nothing, the newest version both know, or exactly this one.
const MODES = {
  default: undefined,
  auto: { mode: 'auto' },
  pin: { mode: { pin: '2026-07-28' } },
};

await main(() => {
  const options = readArguments({ mode: { type: 'string', default: 'default' } });
  if (!Object.hasOwn(MODES, options.mode)) throw new Usage('--mode is default, auto or pin');
  const versionNegotiation = MODES[options.mode];
  const sdk = {
    name,
    UnauthorizedError,
    client: () => new Client({ name, version: '1.0.0' }, { versionNegotiation }),
    transport: (url, authProvider) => new StreamableHTTPClientTransport(url, { authProvider }),
    finish: (transport, answer) => transport.finishAuth(answer),
    protocolVersion: (client) => client.getNegotiatedProtocolVersion(),
    refresh: refreshAuthorization,
    isInvalidGrant: (error) => error instanceof OAuthError && error.code === OAuthErrorCode.InvalidGrant,
  };
  return journey(sdk, options);
});
