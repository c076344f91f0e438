import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Endpoint } from './endpoint';
import { ApiError } from './errors';
import { type Body, header, maxPayload } from './http';
import { Invocation, type InvocationContext } from './invocation';

interface ToFunction {
  Params: { name: string };
  Body: Body | undefined;
}

const path = '/2015-03-31/functions/:name/invocations';

/**
 * The Invoke API, as a fastify plugin: what the clients of the function call.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export function invokeApi(endpoint: Endpoint, functionName: string) {
  return (app: FastifyInstance, _options: object, done: () => void): void => {
    app.post<ToFunction>(path, async (request, reply) => {
      checkName(request.params.name, functionName);
      const type = header(request, 'x-amz-invocation-type') ?? 'RequestResponse';
      const invocation = new Invocation(toEvent(request.body), toContext(header(request, 'x-amz-client-context')));
      void reply.header('X-Amzn-RequestId', invocation.requestId).header('X-Amz-Executed-Version', '$LATEST');
      if (type === 'DryRun') return reply.code(204).send();
      if (type === 'Event') {
        // The sender is not told how it ends.
        endpoint.invoke(invocation).catch(() => {});
        return reply.code(202).send();
      }
      if (type !== 'RequestResponse') throw invalid(`InvocationType is ${type}: not RequestResponse, Event or DryRun`);
      const { isError, body } = await endpoint.invoke(invocation);
      if (isError) void reply.header('X-Amz-Function-Error', 'Unhandled');
      return reply.header('Content-Type', 'application/json').send(body);
    });

    app.route({ method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'], url: path, handler: refuseMethod });
    done();
  };
}

function refuseMethod(_request: unknown, reply: FastifyReply): void {
  void reply.header('Allow', 'POST');
  throw new ApiError(405, 'MethodNotAllowedException', 'A function is invoked by POST');
}

/** Its name, or its ARN with or without a qualifier; `function` too, which is the only name in AWS's own emulator. */
function checkName(given: string, functionName: string): void {
  const [name] = given.replace(/^.*function:/, '').split(':');
  if (name === functionName || name === 'function') return;
  throw new ApiError(404, 'ResourceNotFoundException', `Function not found: ${given}`);
}

/** Lambda takes no body for an empty event. */
function toEvent(body: Body | undefined): Buffer {
  if (body === 'too large') {
    const message = `Request must be smaller than ${maxPayload} bytes for the InvokeFunction operation`;
    throw new ApiError(413, 'RequestTooLargeException', message);
  }
  if (body === undefined || body === null || body.length === 0) return Buffer.from('{}');
  try {
    JSON.parse(body.toString());
  } catch (error) {
    throw unreadable(`Could not parse request body into json: ${(error as Error).message}`);
  }
  return body;
}

/** What a mobile SDK has sent along, in base64. It reaches the runtime in a header, so it is spelled in ASCII. */
function toContext(base64: string | undefined): InvocationContext {
  if (base64 === undefined) return {};
  try {
    const json = JSON.stringify(JSON.parse(Buffer.from(base64, 'base64').toString()));
    const clientContext = json.replace(
      /[\x7f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    return { clientContext };
  } catch {
    throw unreadable('Client context must be a valid Base64-encoded JSON object.');
  }
}

function unreadable(message: string): ApiError {
  return new ApiError(400, 'InvalidRequestContentException', message);
}

function invalid(message: string): ApiError {
  return new ApiError(400, 'InvalidParameterValueException', message);
}
