// @modelcontextprotocol/sdk 1.x, unmodified, through the whole journey. README.md has the options.
import { refreshAuthorization, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InvalidGrantError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { readArguments } from './lib/arguments.mjs';
import { journey } from './lib/journey.mjs';
import { main } from './lib/report.mjs';

const name = 'SDK 1.x test client';

const sdk = {
  name,
  UnauthorizedError,
  client: () => new Client({ name, version: '1.0.0' }),
  transport: (url, authProvider) => new StreamableHTTPClientTransport(url, { authProvider }),
  finish: (transport, answer) => transport.finishAuth(answer.get('code')),
  protocolVersion: (_client, transport) => transport.protocolVersion,
  refresh: refreshAuthorization,
  isInvalidGrant: (error) => error instanceof InvalidGrantError,
};

await main(() => journey(sdk, readArguments()));
