import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { ApiError, SandboxError } from './errors';
import { createServer, listen } from './http';
import type { Invocation, InvocationResult } from './invocation';
import { invokeApi } from './invoke-api';
import type { LambdaSandbox } from './sandbox';

/**
 * A function behind the Invoke API. It has one sandbox, which is started at once, and one invocation at a time. A sandbox that
 * has failed is ended, and the next invocation gets a new one.
 */
export class Endpoint {
  readonly #server: FastifyInstance = createServer(({ errorType, message }, reply) => {
    reply.header('X-Amzn-ErrorType', errorType);
    return { Type: reply.statusCode < 500 ? 'User' : 'Service', Message: message };
  });
  #current: Promise<LambdaSandbox> | undefined;
  readonly #living = new Set<LambdaSandbox>();
  #ending: Promise<void> = Promise.resolve();
  readonly #over = new AbortController();
  #stopped: Promise<void> | undefined;

  constructor(
    functionName: string,
    private readonly make: () => LambdaSandbox,
    /** Called with what is no failure of a sandbox, but leaves none possible. */
    private readonly onError: (error: unknown) => void,
  ) {
    void this.#server.register(invokeApi(this, functionName));
  }

  /** @returns its host and port. */
  async listen(port: number): Promise<string> {
    const address = await listen(this.#server, port, '--serve');
    this.#sandbox().catch((error) => {
      if (!(error instanceof ApiError)) this.onError(error);
    });
    return address;
  }

  /** Resolves when it has stopped. */
  async closed(): Promise<void> {
    await once(this.#server.server, 'close');
  }

  /** The failure of a sandbox is the result of the invocation that it had, or that waited for its init. */
  async invoke(invocation: Invocation): Promise<InvocationResult> {
    for (;;) {
      const sandbox = await this.#sandbox();
      try {
        return await sandbox.run(invocation);
      } catch (error) {
        if (!(error instanceof SandboxError)) throw error;
        if (this.#over.signal.aborted) throw endingError();
        const hasFailed = invocation.deliveredUs > 0 || !sandbox.isReady;
        const { requestId } = invocation;
        if (hasFailed) return { requestId, isError: true, body: Buffer.from(JSON.stringify(error)) };
      }
    }
  }

  /** Ends the sandbox in order. What is queued is answered with an error. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#over.abort();
    await Promise.all([...this.#living].map((sandbox) => sandbox.stop()));
    await this.#ending;
    await this.#server.close();
  }

  #sandbox(): Promise<LambdaSandbox> {
    // What could not be made, for lack of descriptors perhaps, is tried again by the next invocation.
    this.#current ??= this.#begin().catch((error) => {
      this.#current = undefined;
      throw error;
    });
    return this.#current;
  }

  async #begin(): Promise<LambdaSandbox> {
    await this.#ending;
    if (this.#over.signal.aborted) throw endingError();
    const sandbox = this.make();
    this.#living.add(sandbox);
    sandbox.signal.addEventListener('abort', () => {
      this.#current = undefined;
      this.#ending = this.#end(sandbox).catch(this.onError);
    });
    sandbox.start().catch((error) => {
      if (!(error instanceof SandboxError)) this.onError(error);
    });
    return sandbox;
  }

  async #end(sandbox: LambdaSandbox): Promise<void> {
    const reason: unknown = sandbox.signal.reason;
    if (reason instanceof SandboxError) await sandbox.stop(reason.shutdownReason);
    this.#living.delete(sandbox);
  }
}

function endingError(): ApiError {
  return new ApiError(500, 'ServiceException', 'The emulator is ending');
}
