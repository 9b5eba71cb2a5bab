// The command line that the client programs share.
import { parseArgs } from 'node:util';
import { Usage } from './report.mjs';

const OPTIONS = {
  call: { type: 'string', multiple: true, default: [] },
  'call-read-only': { type: 'boolean', default: false },
  denied: { type: 'string', multiple: true, default: [] },
  'step-up': { type: 'boolean', default: false },
  clear: { type: 'string', multiple: true, default: [] },
  decision: { type: 'string', default: 'approve' },
};

/** Reads `MCP_URL` and the shared options, and the options in `more`; the person comes from the environment. */
export function readArguments(more = {}) {
  const { values, positionals } = parseArgs({ options: { ...OPTIONS, ...more }, allowPositionals: true });
  if (positionals.length !== 1) throw new Usage('exactly one argument is needed: the MCP URL');
  if (!['approve', 'deny'].includes(values.decision)) throw new Usage('--decision is approve or deny');
  return {
    ...values,
    url: new URL(positionals[0]),
    calls: values.call.map(readCall),
    denied: values.denied.map(readCall),
    readOnly: values['call-read-only'],
    person: readPerson(),
  };
}

/** The person who logs in: SALLYPORT_USERNAME and SALLYPORT_PASSWORD. */
export function readPerson() {
  const { SALLYPORT_USERNAME: username, SALLYPORT_PASSWORD: password } = process.env;
  if (!username || !password) throw new Usage('SALLYPORT_USERNAME and SALLYPORT_PASSWORD must be set');
  return { username, password };
}

// NAME or NAME={"json": "arguments"}
function readCall(text) {
  const at = text.indexOf('=');
  return at < 0 ? { name: text } : { name: text.slice(0, at), arguments: JSON.parse(text.slice(at + 1)) };
}
