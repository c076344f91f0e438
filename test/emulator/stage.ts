import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { FreezeHold } from 'freeze-state';
import { Sandbox } from 'freeze-state/sandbox';
import { onTestFinished, vi } from 'vitest';
import type { SandboxConfig } from '../../examples/lambda-emulator/config';
import type { InvocationContext, InvocationResult } from '../../examples/lambda-emulator/invocation';
import type { LogEntry } from '../../examples/lambda-emulator/log';
import { LambdaSandbox } from '../../examples/lambda-emulator/sandbox';
import { cleanUp, eventually, letter } from './helpers';

const sleeper = { name: 'runtime', command: 'sleep 1000' };
export const runtime = '/2018-06-01/runtime';
export const extensions = '/2020-01-01/extension';

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** In the case in which they were sent. */
  readonly rawHeaders: readonly string[];
  readonly text: string;
}

/** A sandbox whose processes are sleepers: the test itself speaks for them. */
export class Stage {
  readonly log: LogEntry[] = [];
  /** What was taken since it was made, by this sandbox, for events. */
  readonly holds: FreezeHold[] = [];
  readonly sandbox: LambdaSandbox;
  readonly #started: Promise<unknown>;
  /** One connection for everything, as a runtime has it. */
  readonly agent = new http.Agent({ keepAlive: true });

  constructor(config: Partial<SandboxConfig> = {}) {
    this.sandbox = new LambdaSandbox({ runtime: sleeper, onLog: (entry) => this.log.push(entry), ...config });
    const { holds } = this;
    const { work } = Sandbox.prototype;
    const spy = vi.spyOn(Sandbox.prototype, 'work').mockImplementation(function (this: Sandbox, options) {
      const taken = work.call(this, options);
      if (options?.label?.startsWith('event ')) holds.push(taken);
      return taken;
    });
    this.#started = this.sandbox.start().catch((error) => error);
    cleanUp({ pids: () => this.sandbox.pids });
    onTestFinished(async () => {
      await this.sandbox.stop();
      spy.mockRestore();
      await this.#started;
      this.agent.destroy();
    });
  }

  get letters(): string {
    return this.sandbox.pids.map(letter).join('');
  }

  count(what: LogEntry['what']): number {
    return this.log.filter((entry) => entry.what === what).length;
  }

  /** Once it listens, or once its runtime has been started. */
  async until(
    what: 'listen' | 'ready' | 'start' | 'freeze' | 'thaw' | 'cancelled' | 'deliver',
    count = 1,
  ): Promise<this> {
    await eventually(`${what} ${count}`, () => this.count(what) >= count);
    return this;
  }

  get api(): { host: string; port: number } {
    const listening = this.log.find((entry) => entry.what === 'listen') as Extract<LogEntry, { what: 'listen' }>;
    const [host, port] = listening.api.split(':') as [string, string];
    return { host, port: Number(port) };
  }

  request(method: string, path: string, headers: http.OutgoingHttpHeaders = {}, body?: string | Buffer): Call {
    const call = http.request({ ...this.api, method, path, headers, agent: this.agent });
    const answer = new Promise<Answer>((resolve, reject) => {
      call.on('error', reject);
      call.on('response', (response) => {
        const { statusCode: status = 0, headers, rawHeaders } = response;
        buffer(response).then((body) => resolve({ status, headers, rawHeaders, text: body.toString() }), reject);
      });
    });
    // A test that hangs up does not look at the answer.
    answer.catch(() => {});
    call.end(body);
    return { answer, hangUp: () => call.destroy() };
  }

  invoke(event: string, context?: InvocationContext): Promise<InvocationResult> {
    const result = this.sandbox.invoke(event, context);
    // The end of a test may come before the response.
    result.catch(() => {});
    return result;
  }

  next(): Call {
    return this.request('GET', `${runtime}/invocation/next`);
  }

  async register(name: string, events = ['INVOKE', 'SHUTDOWN']): Promise<string> {
    const { answer } = this.request('POST', `${extensions}/register`, named(name), JSON.stringify({ events }));
    return (await answer).headers['lambda-extension-identifier'] as string;
  }

  extensionNext(id: string): Call {
    return this.request('GET', `${extensions}/event/next`, { 'Lambda-Extension-Identifier': id });
  }

  respond(id: string, body: string | Buffer = '{}', headers: http.OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.request('POST', `${runtime}/invocation/${id}/response`, headers, body).answer;
  }
}

export interface Call {
  readonly answer: Promise<Answer>;
  hangUp(): void;
}

export const named = (name: string) => ({ 'Lambda-Extension-Name': name });
export const idOf = ({ headers }: Answer) => headers['lambda-runtime-aws-request-id'] as string;
