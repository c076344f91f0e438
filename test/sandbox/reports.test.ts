import { readdirSync, readlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { type Report, Reports } from '../../dist/sandbox/reports';
import { turns, until } from '../helpers/until';

const has = FreezeState.capabilities.modes[FreezeMode.Cgroup].available;

/** Of this process. */
function pipes(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith('pipe:') ? [`${fd} ${target}`] : [];
    } catch {
      // The descriptor of the listing itself.
      return [];
    }
  });
}

/** Listens to so many numbers, and ends the test's use of the pipe after `body`. */
async function reporting(
  count: number,
  body: (all: {
    write(text: string): void;
    read(): void;
    told: [number: number, what: string, errno: number][];
    numbers: number[];
  }) => Promise<void>,
): Promise<void> {
  const reports = Reports.join();
  if (reports === undefined) throw new Error('There is no pipe.');
  const told: [number, string, number][] = [];
  const numbers = Array.from({ length: count }, () => reports.next());
  for (const number of numbers) reports.listen(number, ({ what, errno }: Report) => told.push([number, what, errno]));
  try {
    await body({ write: (text) => writeSync(reports.writer, text), read: () => reports.read(), told, numbers });
  } finally {
    for (const number of numbers) reports.forget(number);
    reports.leave();
  }
}

describe.skipIf(!has)('the pipe for reports', () => {
  it('tells each child of its own, however many are in one piece', async () => {
    await reporting(500, async ({ write, told, numbers }) => {
      write(numbers.map((number) => `in ${number}\n`).join(''));
      await until(() => told.length === 500, 'all are told');
      expect(told).toEqual(numbers.map((number) => [number, 'in', 0]));
    });
  });

  it.each(['by the event loop', 'at once'])(
    'puts one together that is read in two pieces, the second %s',
    async (how) => {
      await reporting(2, async ({ write, read, told, numbers: [one, two] }) => {
        write(`in ${one}\njoin ${two} 1`);
        await until(() => told.length === 1, 'the first is told');
        write(`3\nexec ${one} 2\n`);
        if (how === 'at once') read();
        else await until(() => told.length === 3, 'all are told');
        expect(told).toEqual([
          [one, 'in', 0],
          [two, 'join', 13],
          [one, 'exec', 2],
        ]);
      });
    },
  );

  it('ignores what is no report', async () => {
    await reporting(1, async ({ write, told, numbers: [one] }) => {
      const wrong = [
        '',
        '\n',
        '\0',
        'in',
        'in x',
        `in ${one} `,
        ` in ${one}`,
        'in 999999',
        'exec -1 2',
        'toString 1 1',
      ];
      write(`${wrong.join('\n')}\n${'x'.repeat(30_000)}`);
      write(`\nin ${one}\n`);
      await until(() => told.length > 0, 'the right one is told');
      expect(told).toEqual([[one, 'in', 0]]);
    });
  });

  it('is told nothing any more of a child that has exited', () => {
    const reports = Reports.join();
    const told: Report[] = [];
    const number = reports?.next() ?? 0;
    reports?.listen(number, (report) => told.push(report));
    writeSync(reports?.writer ?? -1, `in ${number}\n`);
    reports?.forget(number);
    reports?.read();
    reports?.leave();
    expect(told).toEqual([]);
  });

  it('is open until the last sandbox has left and the last child has exited', async () => {
    await turns();
    const before = pipes();
    const [first, second] = [Reports.join(), Reports.join()];
    expect(second).toBe(first);
    first?.leave();
    const number = second?.next() ?? 0;
    second?.listen(number, () => undefined);
    second?.leave();
    expect(pipes().length).toBeGreaterThan(before.length);
    second?.forget(number);
    await until(() => pipes().length === before.length, 'it is closed');
    const third = Reports.join();
    expect(third).not.toBe(first);
    third?.leave();
    await until(() => pipes().length === before.length, 'it is closed again');
  });

  it('is closed at the end of a worker that does not close it', async () => {
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      require(workerData + '/index.js');
      const { Reports } = require(workerData + '/sandbox/reports.js');
      parentPort.postMessage(Reports.join().writer);
      setInterval(() => undefined, 1000);`;
    await turns();
    const before = pipes();
    const worker = new Worker(program, { eval: true, workerData: join(__dirname, '../../dist') });
    const writer = await new Promise<number>((resolve) => worker.once('message', resolve));
    const inode = readlinkSync(`/proc/self/fd/${writer}`);
    expect(before.filter((one) => one.endsWith(inode))).toEqual([]);
    await worker.terminate();
    await until(() => pipes().every((one) => !one.endsWith(inode)), 'it is closed');
  });
});
