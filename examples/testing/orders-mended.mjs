// The same function, which knows that a connection of the pool may be dead.
import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';

const agent = new http.Agent({ keepAlive: true });

export async function handler({ id }) {
  const request = http.get(`${process.env.API_URL}/orders/${id}`, { agent });
  try {
    const [response] = await once(request, 'response');
    return await json(response);
  } catch (error) {
    // Only a connection that was used before may be dead for that reason. It has left the pool, so this comes to an end.
    if (request.reusedSocket && error.code === 'ECONNRESET') return handler({ id });
    throw error;
  }
}
