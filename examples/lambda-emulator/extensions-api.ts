import type { FastifyInstance } from 'fastify';
import { ApiError } from './errors';
import { accepted, type Body, header } from './http';
import type { LambdaSandbox } from './sandbox';

/**
 * The Extensions API, as a fastify plugin: what an extension calls.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */
export function extensionsApi(sandbox: LambdaSandbox) {
  return (app: FastifyInstance, _options: object, done: () => void): void => {
    app.post<{ Body: Body }>('/register', (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const extension = sandbox.register(header(request, 'lambda-extension-name'), body);
      const { functionName, functionVersion, handler, accountId } = sandbox.config;
      const features = header(request, 'lambda-extension-accept-feature')?.split(',') ?? [];
      const wantsAccount = features.some((feature) => feature.trim() === 'accountId');
      return reply
        .header('Lambda-Extension-Identifier', extension.id)
        .send({ functionName, functionVersion, handler, ...(wantsAccount && { accountId }) });
    });

    app.get('/event/next', (request, reply) => {
      const extension = sandbox.extensions.find(header(request, 'lambda-extension-identifier'));
      extension.parking.park(reply);
    });

    for (const phase of ['init', 'exit'] as const) {
      app.post<{ Body: Body }>(`/${phase}/error`, (request, reply) => {
        const extension = sandbox.extensions.find(header(request, 'lambda-extension-identifier'));
        const errorType = header(request, 'lambda-extension-function-error-type');
        if (!errorType) {
          throw new ApiError(403, 'Extension.MissingHeader', 'Lambda-Extension-Function-Error-Type not found');
        }
        sandbox.extensionFailed(extension, phase, errorType);
        return accepted(reply);
      });
    }

    done();
  };
}

/**
 * The Logs and the Telemetry API, which this sandbox does not have. It says so with a success, as AWS's own emulator does:
 * an extension that subscribes goes on without.
 */
export function telemetryStub(app: FastifyInstance, _options: object, done: () => void): void {
  for (const [path, name] of [
    ['/2020-08-15/logs', 'Logs'],
    ['/2022-07-01/telemetry', 'Telemetry'],
  ] as const) {
    app.put(path, (_request, reply) =>
      reply.code(202).send({ errorMessage: `${name} API is not supported`, errorType: `${name}.NotSupported` }),
    );
  }
  done();
}
