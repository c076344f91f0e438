// The program of the contestants of trials/invocation.mts: a sandbox of examples/lambda-emulator, in the mode of the first argument.
import { join } from 'node:path';
import { FreezeMode } from 'freeze-state';
import { LambdaSandbox } from '../examples/lambda-emulator/sandbox.js';
import { frozen, measured } from './cycle.mjs';

const freeze = process.argv[2] as FreezeMode;
const fixtures = join(import.meta.dirname, '../test/emulator/fixtures');
const command = (program: string): string => `${process.execPath} ${join(fixtures, program)}`;

const sandbox = new LambdaSandbox({
  runtime: { name: 'runtime', command: command('runtime.mjs') },
  extensions: [{ name: 'extension', command: command('extension.mjs extension') }],
  freeze,
});
const settled = (): Promise<void> => (freeze === FreezeMode.None ? sandbox.idle() : frozen());

const isSettled = settled();
await sandbox.start();
await isSettled;
measured({
  invoke: async () => {
    const { isError, body } = await sandbox.invoke('{"number":1}');
    if (isError) throw new Error(body.toString());
  },
  settled,
  end: () => sandbox.stop(),
});
