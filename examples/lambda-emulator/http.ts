import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { ApiError, UsageError } from './errors';

/** The largest event or response: Lambda's 6 MB, with the margin that Lambda itself allows. */
export const maxPayload = 6 * 1024 * 1024 + 100;

/** A request body as it came, or that it was larger than {@link maxPayload}. */
export type Body = Buffer | 'too large';

/** The body of an error of the Runtime and the Extensions API. */
function describeError({ errorType, message }: ApiError): object {
  return { errorMessage: message, errorType };
}

/**
 * An HTTP server for AWS's APIs: raw bodies, errors in AWS's shape, and no deadline on any connection.
 *
 * @param describe gives the body of an error, for a reply that has its status.
 */
export function createServer(
  describe: (error: ApiError, reply: FastifyReply) => object = describeError,
): FastifyInstance {
  const app = Fastify({
    // With a HEAD route for each GET route, a HEAD request would take an event.
    exposeHeadRoutes: false,
    // At the end no client reads the answer to what is still parked.
    forceCloseConnections: true,
    // Longer than any path that Node reads. Fastify's own limit of 100 refuses an ARN, which may have 170 characters, and in a shape
    // that is not AWS's.
    routerOptions: { maxParamLength: 16_384 },
  });

  // A frozen client answers nothing, and must find its connections as it left them. Node would cut an idle keep-alive
  // connection after five seconds (fastify after 72), and the client's first request after the thaw would run into a
  // reset; and it would cut a request that is slow to arrive. Zero is "never"; fastify takes a zero in its options for
  // "default", so it is set on the server.
  app.server.keepAliveTimeout = 0;
  app.server.requestTimeout = 0;
  app.server.headersTimeout = 0;

  // Any bytes of any type are a body: Lambda does not look at the content type either.
  app.addHook('onRequest', (request, _reply, done) => {
    delete request.raw.headers['content-type'];
    done();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request: FastifyRequest, payload: IncomingMessage) => readBody(payload));

  app.setErrorHandler((error, _request, reply) => {
    const isKnown = error instanceof ApiError;
    if (!isKnown) console.error(error);
    const known = isKnown ? error : new ApiError(500, 'InternalServerError', 'Internal Server Error');
    void reply.code(known.status);
    void reply.send(describe(known, reply));
  });
  app.setNotFoundHandler(() => {
    throw new ApiError(404, 'NotFound', 'There is no such call in this API');
  });
  return app;
}

/**
 * Listens on a port of 127.0.0.1 only.
 *
 * @param option the option of the command line that the port comes from.
 * @returns host and port.
 */
export async function listen(app: FastifyInstance, port: number, option: string): Promise<string> {
  try {
    await app.listen({ host: '127.0.0.1', port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new UsageError(`${option} ${port} is not possible: the port is in use.`);
    if (code === 'EACCES') throw new UsageError(`${option} ${port} is not possible: the port needs more rights.`);
    throw error;
  }
  return `127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

/**
 * Reads a body to its end even if it is too large. Otherwise a client that is still sending when the answer comes would see a
 * broken connection instead of a 413.
 */
async function readBody(payload: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of payload as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size <= maxPayload) chunks.push(chunk);
      else chunks.length = 0;
    }
  } catch {
    throw new ApiError(400, 'TruncatedHTTPRequest', 'The request ended before its body did');
  }
  return size > maxPayload ? 'too large' : Buffer.concat(chunks);
}

/** A header that is given once. */
export function header(request: { headers: FastifyRequest['headers'] }, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The success of every POST. */
export function accepted(reply: FastifyReply): FastifyReply {
  return reply.code(202).send({ status: 'OK' });
}
