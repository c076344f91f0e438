import { join } from 'node:path';
import { expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { canBecomeNobody, nobody } from '../helpers/processes';

const table = join(__dirname, '../../dist/sandbox/process-table');

// The kernel denies him to read its environment from the moment on at which it has given back its memory.
it.runIf(canBecomeNobody)(
  'a plain user is not sure of a process of his own that is exiting',
  async () => {
    const seen = await valueInNode(
      async ({ letterOf }, path) => {
        const { readTable } = require(path) as typeof import('../../lib/sandbox/process-table');
        const { spawn } = require('node:child_process') as typeof import('node:child_process');
        // To give back so much memory takes some milliseconds.
        const program = 'globalThis.much = Buffer.alloc(300 * 2 ** 20, 1); console.log(); setInterval(() => {}, 1e6)';
        const counted = { untagged: 0, unsure: 0, rounds: 0 };
        // A round in which no reading comes while it exits shows nothing.
        for (; counted.untagged + counted.unsure === 0 && counted.rounds < 200; counted.rounds += 1) {
          const { pid = 0, stdout } = spawn(process.execPath, ['-e', program], {
            stdio: ['ignore', 'pipe', 'inherit'],
          });
          await new Promise((resolve) => stdout.once('data', resolve));
          const reading = readTable(0);
          const since = reading.known.get(pid)?.start ?? 0;
          process.kill(pid, 'SIGKILL');
          while (letterOf(pid) !== 'Z') {
            // All others are taken from the first reading.
            const { living, unsure } = readTable(since, reading);
            if (unsure.includes(pid) && letterOf(pid) !== 'Z') counted.unsure += 1;
            if (living.some((one) => one.pid === pid && one.tags === undefined)) counted.untagged += 1;
          }
        }
        return counted;
      },
      [table],
      { launch: [`user=${nobody}`] },
    );
    expect(seen.untagged).toBe(0);
    expect(seen.unsure).toBeGreaterThan(0);
  },
  120_000,
);
