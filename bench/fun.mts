// The program of the contestants of trials/fun.mts: a function of @vercel/fun, with the freeze that the first argument says.
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { frozen, measured } from './cycle.mjs';

/** Of @vercel/fun, which is no dependency of this package, what is used here. */
interface Fun {
  readonly providers: Record<string, NativeProvider>;
  createFunction(params: object): Promise<{
    invoke(params: object): Promise<{ Payload: string; FunctionError?: string }>;
    destroy(): Promise<void>;
  }>;
}

type NativeProvider = new () => {
  createProcess(): Promise<ChildProcess>;
  freezeProcess(runtime: ChildProcess): void;
  unfreezeProcess(runtime: ChildProcess): void;
  readonly runtimeApis: WeakMap<ChildProcess, { nextDeferred: { promise: Promise<void> } | null }>;
};

const example = join(import.meta.dirname, '../examples/vercel-fun');
await import(pathToFileURL(join(example, 'provider.mjs')).href);
const { providers, createFunction } = createRequire(join(example, 'main.mjs'))('@vercel/fun') as Fun;

/** Resolves when the runtime has asked for its next event. */
let parked = (): Promise<void> => Promise.resolve();

providers['unfrozen'] = class extends (providers['native'] as NativeProvider) {
  override async createProcess(): Promise<ChildProcess> {
    const runtime = await super.createProcess();
    parked = async () => await this.runtimeApis.get(runtime)?.nextDeferred?.promise;
    return runtime;
  }
  override freezeProcess(): void {}
  override unfreezeProcess(): void {}
};

let runtime = 0;

/** Its own freeze tells nobody when the runtime has stopped. The signal has been sent when there is an answer. */
async function stopped(): Promise<void> {
  while (!/\) T /.test(readFileSync(`/proc/${runtime}/stat`, 'latin1'))) await setTimeout(1);
}

const Provider = process.argv[2] as 'native' | 'freezing' | 'unfrozen';
const settled = { native: stopped, freezing: () => frozen(), unfrozen: () => parked() }[Provider];
const lambda = await createFunction({
  Provider,
  Runtime: 'nodejs',
  Handler: 'index.handler',
  Code: { Directory: join(example, 'function') },
});
measured({
  invoke: async () => {
    const { Payload, FunctionError } = await lambda.invoke({
      InvocationType: 'RequestResponse',
      Payload: '{"number":1}',
    });
    if (FunctionError !== undefined) throw new Error(Payload);
    runtime = JSON.parse(Payload).runtime;
  },
  settled,
  isPolled: Provider === 'native',
  end: () => lambda.destroy(),
});
