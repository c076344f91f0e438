// The service that the function calls. It can forget its connections, as a gateway does with those that are idle.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export async function startApi() {
  const known = new Set<Socket>();
  const forgotten = new WeakSet<Socket>();
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    // No FIN tells the client. The first that it hears is the reset which answers its next request.
    if (forgotten.has(request.socket)) request.socket.resetAndDestroy();
    else response.end(JSON.stringify({ order: request.url?.split('/').pop() }));
  });
  server.on('connection', (socket) => known.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dropConnections() {
      for (const socket of known) forgotten.add(socket);
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
