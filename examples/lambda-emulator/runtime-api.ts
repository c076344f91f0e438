import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { ApiError, SandboxError } from './errors';
import { accepted, type Body, header, maxPayload } from './http';
import type { LambdaSandbox } from './sandbox';

type ToInvocation = { Params: { id: string }; Body: Body };

/**
 * The Runtime API, as a fastify plugin: what the runtime calls.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export function runtimeApi(sandbox: LambdaSandbox) {
  return (app: FastifyInstance, _options: object, done: () => void): void => {
    app.get('/invocation/next', (_request, reply) => {
      sandbox.runtimeNext(reply);
    });

    app.post<ToInvocation>('/invocation/:id/response', (request, reply) => {
      const invocation = sandbox.unansweredInvocation(request.params.id);
      const mode = header(request, 'lambda-runtime-function-response-mode');
      if (mode !== undefined && mode !== 'streaming') {
        const message = 'Invalid function response mode';
        sandbox.answer(invocation, true, functionError('Runtime.InvalidResponseModeHeader', message));
        throw new ApiError(400, 'InvalidFunctionResponseMode', message);
      }
      const { body = Buffer.alloc(0) } = request;
      if (body === 'too large') {
        const message = `Exceeded maximum allowed payload size (${maxPayload} bytes).`;
        sandbox.answer(invocation, true, functionError('Function.ResponseSizeTooLarge', message));
        throw new ApiError(413, 'RequestEntityTooLarge', message);
      }
      const failure = failureInStream(request.raw);
      sandbox.answer(invocation, failure !== undefined, failure ?? body);
      return accepted(reply);
    });

    app.post<ToInvocation>('/invocation/:id/error', (request, reply) => {
      const invocation = sandbox.unansweredInvocation(request.params.id);
      const error = reportedError(header(request, 'lambda-runtime-function-error-type'), request.body);
      sandbox.answer(invocation, true, toBuffer(error));
      return accepted(reply);
    });

    app.post<{ Body: Body }>('/init/error', (request, reply) => {
      sandbox.runtimeInitFailed(reportedError(header(request, 'lambda-runtime-function-error-type'), request.body));
      return accepted(reply);
    });

    done();
  };
}

/**
 * What the runtime says of an error: an object with errorType, errorMessage and, as a rule, a trace. If it leaves out one of the
 * first two, that is filled in, so that a reader can rely on them.
 */
function reportedError(errorType = 'Runtime.Unknown', body: Body | undefined): SandboxError {
  const text = Buffer.isBuffer(body) ? body.toString() : '';
  try {
    const error = JSON.parse(text);
    if (typeof error === 'object' && error !== null && !Array.isArray(error)) {
      const message = typeof error.errorMessage === 'string' ? error.errorMessage : '';
      return new SandboxError(error.errorType ?? errorType, message, error);
    }
  } catch {
    // Not JSON: then the text is the message.
  }
  return new SandboxError(errorType, text);
}

/** A function that fails in the middle of a streamed response says so in the trailers, its error in base64. */
function failureInStream({ trailers }: IncomingMessage): Buffer | undefined {
  const errorType = trailers['lambda-runtime-function-error-type'];
  if (errorType === undefined) return undefined;
  const body = Buffer.from(trailers['lambda-runtime-function-error-body'] ?? '', 'base64');
  return toBuffer(reportedError(errorType, body));
}

function functionError(errorType: string, message: string): Buffer {
  return toBuffer(new SandboxError(errorType, message));
}

function toBuffer(error: SandboxError): Buffer {
  return Buffer.from(JSON.stringify(error));
}
