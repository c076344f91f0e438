// A function that works on every developer's machine: a pool of connections, to a service that answers.
import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';

const agent = new http.Agent({ keepAlive: true });

export async function handler({ id }) {
  const request = http.get(`${process.env.API_URL}/orders/${id}`, { agent });
  const [response] = await once(request, 'response');
  return json(response);
}
