// Watches the requests that this process sends with fetch, without touching the client under test.
import { subscribe } from 'node:diagnostics_channel';

/** Requests to one origin, oldest first: `{method, path, status}`, the path without its query. */
export class Traffic {
  #origin;
  #known = new Map();
  #open = new Set();
  #closed = [];
  /** The requests since the last `take`. */
  log = [];

  constructor(origin) {
    this.#origin = origin;
    subscribe('undici:request:create', ({ request }) => this.#created(request));
    subscribe('undici:request:headers', ({ request, response }) => this.#answered(request, response.statusCode));
    subscribe('undici:request:trailers', ({ request }) => this.#ended(request));
    subscribe('undici:request:error', ({ request }) => this.#ended(request));
  }

  /** Returns the requests since the last call of this. */
  take() {
    return this.log.splice(0);
  }

  /** GET requests whose answer is not finished: event streams that are open. */
  openStreams() {
    return [...this.#open].filter((entry) => entry.method === 'GET');
  }

  /** Waits until all of these streams have ended; false if one is still open after the limit. */
  ended(streams, milliseconds) {
    return new Promise((resolve) => {
      const limit = setTimeout(() => resolve(false), milliseconds);
      const look = () => {
        if (streams.some((entry) => this.#open.has(entry))) return;
        clearTimeout(limit);
        resolve(true);
      };
      this.#closed.push(look);
      look();
    });
  }

  #created(request) {
    if (String(request.origin) !== this.#origin) return;
    const entry = { method: request.method, path: request.path.split('?')[0], status: null };
    this.#known.set(request, entry);
    this.#open.add(entry);
    this.log.push(entry);
  }

  #answered(request, status) {
    const entry = this.#known.get(request);
    if (entry) entry.status = status;
  }

  #ended(request) {
    const entry = this.#known.get(request);
    if (!entry) return;
    this.#known.delete(request);
    this.#open.delete(entry);
    for (const look of this.#closed) look();
  }
}
