// The authorization server scenarios of @modelcontextprotocol/conformance, with a real browser. README.md has the options.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readPerson } from './lib/arguments.mjs';
import { authorize } from './lib/browser.mjs';
import { main, must, Report, Usage } from './lib/report.mjs';

const SUITE = fileURLToPath(import.meta.resolve('./node_modules/@modelcontextprotocol/conformance/dist/index.js'));
// The second takes the metadata from the first, so both run in one go.
const SCENARIOS = ['authorization-server-metadata-endpoint', 'authorization-code-grant'];
const FINE = ['SUCCESS', 'INFO'];

await main(async () => {
  must(Number.parseInt(process.versions.node, 10) >= 22, `the suite needs Node.js 22 or newer, this is ${process.version}`);
  const { values, positionals } = parseArgs({
    options: { port: { type: 'string' }, 'spec-version': { type: 'string' } },
    allowPositionals: true,
  });
  if (positionals.length !== 2) throw new Usage('two arguments are needed: ISSUER and RESOURCE');
  const [issuer, resource] = positionals;
  const person = readPerson();
  const report = new Report();
  report.secret(person.password);
  const redirect = `http://127.0.0.1:${values.port ?? (await freePort())}/callback`;
  const output = await mkdtemp(join(tmpdir(), 'sallyport-conformance-'));
  try {
    const { metadata } = await report.step('metadata', () => readMetadata(issuer));
    const { clientId } = await report.step('register', () => register(metadata, redirect));
    const suite = { issuer, resource, redirect, clientId, metadata, output, specVersion: values['spec-version'] };
    const { exitCode } = await report.step('run', () => run(suite, person));
    await report.step('checks', () => checks(output, exitCode));
  } finally {
    await rm(output, { recursive: true, force: true });
  }
});

async function readMetadata(issuer) {
  const { origin, pathname } = new URL(issuer);
  const response = await fetch(`${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`);
  must(response.status === 200, `the metadata was answered with ${response.status}`);
  return { metadata: await response.json() };
}

async function register(metadata, redirect) {
  const response = await fetch(metadata.registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Conformance suite',
      redirect_uris: [redirect],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }),
  });
  must(response.status === 201, `the registration was answered with ${response.status}`);
  return { clientId: (await response.json()).client_id };
}

// Runs the suite, and plays the person when it prints the address to open.
async function run({ issuer, resource, redirect, clientId, metadata, output, specVersion }, person) {
  const { port } = new URL(redirect);
  const options = ['--url', issuer, '--client-id', clientId, '--resource', resource, '--port', port, '--output-dir', output];
  if (specVersion) options.push('--spec-version', specVersion);
  const suite = spawn(process.execPath, [SUITE, 'authorization', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const done = new Promise((resolve, reject) => suite.on('error', reject).on('close', resolve));
  let pages;
  try {
    for await (const line of createInterface({ input: suite.stdout })) {
      if (line.startsWith(`${metadata.authorization_endpoint}?`)) {
        ({ pages } = await authorize({ url: line.trim(), redirectPrefix: redirect, ...person }));
      }
    }
  } finally {
    suite.kill();
  }
  const exitCode = await done;
  must(pages, 'the suite printed no address to open');
  return { pages, exitCode };
}

async function checks(output, exitCode) {
  const found = [];
  for (const file of await readdir(output, { recursive: true })) {
    if (!file.endsWith('checks.json')) continue;
    const scenario = SCENARIOS.find((name) => file.includes(name));
    for (const check of JSON.parse(await readFile(join(output, file), 'utf8'))) {
      found.push({ scenario, id: check.id, status: check.status, error: check.errorMessage });
    }
  }
  const bad = found.filter((check) => !FINE.includes(check.status));
  must(bad.length === 0, bad.map((check) => `${check.id}: ${check.status} ${check.error ?? ''}`).join('; '));
  for (const scenario of SCENARIOS) {
    const passed = found.some((check) => check.scenario === scenario && check.status === 'SUCCESS');
    must(passed, `${scenario} has no successful check`);
  }
  must(exitCode === 0, `every check passed, yet the suite ended with ${exitCode}`);
  return { checks: found };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
