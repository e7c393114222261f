/** Serves dist/ as the real API does: hashed assets, index.html for every page of the application. */
import { existsSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
/** The one that the stack sends; the API's own is the same, and a test compares them. */
const caddyfile = readFileSync(new URL('../../../../infra/docker/Caddyfile', import.meta.url), 'utf8');
const policy = /Content-Security-Policy "([^"]+)"/.exec(caddyfile)?.[1];
if (!policy) throw new Error('the Caddyfile names no Content-Security-Policy');

export function serveFile(response, pathname) {
  const wanted = join(dist, normalize(pathname));
  const asset = pathname.startsWith('/assets/');
  if (asset && !existsSync(wanted)) {
    response.writeHead(404).end();
    return;
  }
  const file = asset ? wanted : join(dist, 'index.html');
  response.writeHead(200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': policy,
    'cache-control': asset ? 'public, max-age=31536000, immutable' : 'no-cache',
  });
  response.end(readFileSync(file));
}
