import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { childEnvironment } from '../helpers/environment';
import type { Ending } from '../helpers/node';
import { start } from '../helpers/processes';
import { launchProgram } from '../helpers/programs';

/** Runs a program of fixtures/ in a process of its own, where a crash is seen as one. */
export async function run(
  name: string,
  args: readonly (string | number)[],
  { node = [], timeout }: { node?: readonly string[]; timeout: number },
): Promise<Ending> {
  const command = [process.execPath, ...node, join(__dirname, 'fixtures', name), ...args.map(String)];
  const child = start(launchProgram, ['none', '--', ...command], {
    timeout,
    killSignal: 'SIGKILL',
    env: childEnvironment(),
  });
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  const [code, signal] = exit as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}
