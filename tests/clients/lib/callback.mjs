// The loopback redirect of a native client (RFC 8252, section 7.3): http://127.0.0.1:<port>/callback.
import { createServer } from 'node:http';

/** Listens on a free port. `received` holds the URLs that came in, oldest first. */
export async function openCallback() {
  const received = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1');
    if (url.pathname !== '/callback') {
      // A browser asks for an icon too, and complains about 404.
      response.writeHead(url.pathname === '/favicon.ico' ? 204 : 404).end();
      return;
    }
    received.push(url);
    response.writeHead(200, { 'content-type': 'text/plain' }).end('Done. You can close this page.');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/callback`,
    received,
    close: () => server.close(),
  };
}
