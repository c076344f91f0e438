import { expect, it } from 'vitest';
import { output, root } from './run';

/** Runs a program that finds the package by its name, as its users do. */
function node(program: string): Promise<string> {
  return output(process.execPath, ['--input-type=module', '-e', program], { cwd: root });
}

it('gives require and import the same things under the same names', async () => {
  const program = `
    import { createRequire } from 'node:module';
    import * as imported from 'freeze-state';
    const required = createRequire(process.cwd() + '/')('freeze-state');
    const same = Object.keys(required).filter((name) => imported[name] === required[name]);
    console.log(JSON.stringify({ same, more: Object.keys(imported).filter((name) => !same.includes(name)) }));`;
  const { same, more } = JSON.parse(await node(program)) as { same: string[]; more: string[] };
  expect(same.sort()).toEqual([
    'CgroupError',
    'FreezeClosedError',
    'FreezeError',
    'FreezeMode',
    'FreezeState',
    'FreezeTimeoutError',
    'InvalidHandleError',
    'InvalidPidError',
    'MultipleFreezeError',
    'NoPidConfiguredError',
    'NotStoppedError',
    'PermissionDeniedError',
    'ProcessNotFoundError',
    'ResourceExhaustedError',
    'SignalFailedError',
    'UnreadableProcessError',
    'UnsupportedPlatformError',
  ]);
  // What Node and the compiler add.
  expect(more.filter((name) => !['__esModule', 'default', 'module.exports'].includes(name))).toEqual([]);
});

it('gives require and import the same Sandbox, by a path of its own', async () => {
  const program = `
    import { createRequire } from 'node:module';
    import * as imported from 'freeze-state/sandbox';
    import { FreezeClosedError } from 'freeze-state';
    const required = createRequire(process.cwd() + '/')('freeze-state/sandbox');
    const sandbox = new imported.Sandbox({ mode: 'none' });
    await sandbox.terminate();
    let isSame = required.Sandbox === imported.Sandbox;
    try { sandbox.work(); } catch (error) { isSame &&= error instanceof FreezeClosedError; }
    console.log(JSON.stringify({ isSame, names: Object.keys(required) }));`;
  expect(JSON.parse(await node(program))).toEqual({ isSame: true, names: ['Sandbox'] });
});

it('can be loaded by several worker threads, and then by the main thread', async () => {
  const program = `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    const inWorker = "const { FreezeState } = require('freeze-state');" +
      "require('node:worker_threads').parentPort.postMessage(new FreezeState().currentEpoch);";
    const workers = Array.from({ length: 4 }, () => new Worker(inWorker, { eval: true, execArgv: [] }));
    const epochs = (await Promise.all(workers.map((worker) => once(worker, 'message')))).flat();
    const { FreezeState } = await import('freeze-state');
    console.log(JSON.stringify([...epochs, new FreezeState().currentEpoch]));`;
  expect(JSON.parse(await node(program))).toEqual([0, 0, 0, 0, 0]);
});
