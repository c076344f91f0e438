import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Ending, runInNode, type Tools } from '../helpers/node';
import { running } from '../helpers/proc';
import { sleeper } from '../helpers/processes';

const program = join(__dirname, 'fixtures/stages.cjs');
const { stages, ends } = createRequire(__filename)(program) as { stages: string[]; ends: string[] };

/** A child process gets to the stage, in its main thread or in a worker, and ends in the way. */
async function endOf(where: string, stage: string, end: string): Promise<Ending> {
  const { pid } = sleeper();
  const ending = await runInNode(
    async (tools: Tools, ...args: string[]): Promise<void> => {
      const [path = '', place, ...rest] = args;
      const { enter, enterInWorker } = require(path);
      await (place === 'worker' ? enterInWorker : enter)(tools, ...rest);
    },
    [program, where, pid as unknown as string, stage, end],
  );
  await running(pid);
  return ending;
}

const well = { code: 0, signal: null, stdout: '', stderr: '' };

describe.each(stages)('a process ends well, and its member runs, when its state is %s', (stage) => {
  it.each([
    ['the main thread', 'main', ends],
    ['a worker', 'worker', [...ends, 'by terminate']],
  ])('and %s ends', async (_, where, ways) => {
    const endings = await Promise.all(ways.map(async (end) => [end, await endOf(where, stage, end)]));
    expect(Object.fromEntries(endings)).toEqual(Object.fromEntries(ways.map((end) => [end, well])));
  });
});
