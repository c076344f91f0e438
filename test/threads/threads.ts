import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type * as FreezeStateModule from 'freeze-state';
import type { FreezeHandle, FreezeState } from 'freeze-state';
import { afterEach } from 'vitest';
import { until } from '../helpers/until';

/** What {@link Thread.run}'s function is given; thread.mjs. */
export interface ThreadTools extends Omit<typeof FreezeStateModule, never> {
  /** The state of the handle, as this thread has it. */
  state: FreezeState;
  /** To keep things from one call to the next. */
  kept: Record<string, unknown>;
  /** Ends a {@link Thread.told} of the other side, whatever this thread does next. */
  tell(value: unknown): void;
  /** Tells this thread's id, as {@link Thread.block} wants it. */
  tellId(): void;
}

type Body<R, A extends unknown[]> = (tools: ThreadTools, ...args: A) => R;

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface Answer {
  readonly call?: number;
  readonly value?: unknown;
  readonly error?: Error;
  readonly told?: unknown;
}

const threads = new Set<Thread>();

/** A worker thread that has attached a state. It ends with the test at the latest. */
export class Thread {
  readonly worker: Worker;
  readonly exit: Promise<number>;
  readonly #pending = new Map<number, Pending>();
  readonly #events = new EventEmitter();
  #calls = 0;

  private constructor(handle: FreezeHandle | undefined) {
    this.worker = new Worker(join(__dirname, 'fixtures/thread.mjs'), { workerData: { handle } });
    this.exit = new Promise((resolve) => this.worker.once('exit', resolve));
    this.worker.on('message', ({ call = 0, value, error, told }: Answer) => {
      const pending = this.#pending.get(call);
      this.#pending.delete(call);
      if (error !== undefined) pending?.reject(Object.assign(new Error(), error));
      else if (pending !== undefined) pending.resolve(value);
      else this.#events.emit('told', told);
    });
    const end = (error: Error): void => {
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
    };
    this.worker.on('error', end);
    this.worker.on('exit', (code) => {
      end(new Error(`the worker ended with code ${code}`));
      threads.delete(this);
    });
    threads.add(this);
  }

  static async start(handle?: FreezeHandle): Promise<Thread> {
    const thread = new Thread(handle);
    await Promise.race([
      thread.told(),
      once(thread.worker, 'error').then(([error]) => {
        throw error;
      }),
    ]);
    return thread;
  }

  /** Runs the function there, and gives what it returns or resolves with. It must use nothing but its arguments. */
  run<R, A extends unknown[]>(body: Body<R, A>, ...args: A): Promise<Awaited<R>> {
    this.#calls += 1;
    const call = this.#calls;
    return new Promise((resolve, reject) => {
      this.#pending.set(call, { resolve: resolve as Pending['resolve'], reject });
      this.worker.postMessage({ call, source: String(body), args });
    });
  }

  /** What the thread tells next. */
  async told(): Promise<unknown> {
    const [value] = (await once(this.#events, 'told')) as [unknown];
    return value;
  }

  /** Runs a function that calls `tellId` and then blocks, and returns once it does. */
  async block<R, A extends unknown[]>(body: Body<R, A>, ...args: A): Promise<{ result: Promise<Awaited<R>> }> {
    const told = this.told();
    const result = this.run(body, ...args);
    result.catch(() => undefined);
    const tid = await told;
    await until(() => sleeps(tid), `thread ${tid} sleeps`);
    return { result };
  }
}

function sleeps(tid: unknown): boolean {
  return /^State:\tS/m.test(readFileSync(`/proc/self/task/${tid}/status`, 'latin1'));
}

afterEach(async () => {
  await Promise.all([...threads].map(({ worker }) => worker.terminate()));
});
