/**
 * A stand-in for the API, for work on the interface: plausible data on the real contract, a live
 * stream, gaps, a degraded part, and briefings that go through their steps. Never shipped.
 *
 *   npm run fake -- --port 8080 [--calm] [--listening] [--token SECRET] [--rate 20]
 *
 * It also serves dist/ under the strict content policy of the real server. Started programmatically,
 * `startFake` returns its port, `cut()` to drop and refuse live sockets, and `close()`.
 */
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { LiveStream } from './fake/live.mjs';
import { answer } from './fake/rest.mjs';
import { serveFile } from './fake/files.mjs';
import { World } from './fake/world.mjs';

export async function startFake(options = {}) {
  const world = new World(options);
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname.startsWith('/api/')) await answer(world, request, response, url);
    else serveFile(response, url.pathname);
  });
  const live = new LiveStream(world, server);
  await new Promise((listening) => server.listen(options.port ?? 0, '127.0.0.1', () => listening(undefined)));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    world,
    cut: () => live.cut(),
    close: () => {
      live.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      rate: { type: 'string', default: '14' },
      token: { type: 'string' },
      calm: { type: 'boolean', default: false },
      listening: { type: 'boolean', default: false },
    },
  });
  const fake = await startFake({ ...values, port: Number(values.port), rate: Number(values.rate) });
  console.log(`fake API on http://127.0.0.1:${fake.port}`);
}
