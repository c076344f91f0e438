import { readdirSync, readlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it, vi } from 'vitest';
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
    readOf(number: number | undefined): void;
    read(): void;
    told: [number: number, what: string, errno: number][];
    numbers: number[];
  }) => Promise<void>,
): Promise<void> {
  const reports = Reports.join();
  if (reports === undefined) throw new Error('There is no pipe.');
  const told: [number, string, number][] = [];
  const numbers = Array.from({ length: count }, () => reports.next());
  for (const number of numbers) {
    const tell = ({ what, errno }: Report) => told.push([number, what, errno]);
    reports.listen(number, tell, () => false);
  }
  try {
    await body({
      write: (text) => writeSync(reports.writer, text),
      read: () => reports.read(),
      readOf: (number = 0) => reports.readOf(number),
      told,
      numbers,
    });
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
        `exec ${one}`,
        `exec ${one} 0`,
        `exec ${one} 99999`,
        `join ${one}`,
        `in ${one} 1`,
        'toString 1 1',
      ];
      write(`${wrong.join('\n')}\n${'x'.repeat(30_000)}`);
      write(`\nin ${one}\n`);
      await until(() => told.length > 0, 'the right one is told');
      expect(told).toEqual([[one, 'in', 0]]);
    });
  });

  it('hands out at once, for the exit of a child, only what that child has reported', async () => {
    await reporting(2, async ({ write, readOf, told, numbers: [one, two] }) => {
      write(`join ${two} 13\nin ${one}\n`);
      readOf(one);
      expect(told).toEqual([[one, 'in', 0]]);
      // The other one may have exited by then, too.
      readOf(two);
      expect(told).toEqual([
        [one, 'in', 0],
        [two, 'join', 13],
      ]);
      write(`exec ${two} 2\n`);
      readOf(one);
      expect(told).toHaveLength(2);
      await turns();
      expect(told.slice(2)).toEqual([[two, 'exec', 2]]);
    });
  });

  it('tells the others where the listener of one throws, which nobody catches', async () => {
    const reports = Reports.join();
    const told: string[] = [];
    const [one, two] = [reports?.next() ?? 0, reports?.next() ?? 0];
    const thrown = vi.fn();
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', thrown);
    try {
      const fail = () => {
        throw new Error('of a listener');
      };
      reports?.listen(one, fail, () => false);
      reports?.listen(
        two,
        ({ what }: Report) => told.push(what),
        () => false,
      );
      writeSync(reports?.writer ?? -1, `in ${one}\nin ${two}\n`);
      await until(() => told.length > 0, 'the other is told');
      await until(() => thrown.mock.calls.length > 0, 'the error is thrown');
      expect(thrown.mock.calls[0]?.[0]).toMatchObject({ message: 'of a listener' });
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of before) process.on('uncaughtException', listener);
      for (const number of [one, two]) reports?.forget(number);
      reports?.leave();
    }
  });

  it('is told nothing any more of a child that has exited', () => {
    const reports = Reports.join();
    const told: Report[] = [];
    const number = reports?.next() ?? 0;
    reports?.listen(
      number,
      (report) => told.push(report),
      () => false,
    );
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
    second?.listen(
      number,
      () => undefined,
      () => false,
    );
    second?.leave();
    expect(pipes().length).toBeGreaterThan(before.length);
    second?.forget(number);
    await until(() => pipes().length === before.length, 'it is closed');
    const third = Reports.join();
    expect(third).not.toBe(first);
    third?.leave();
    await until(() => pipes().length === before.length, 'it is closed again');
  });

  it('keeps no child that has ended, though nobody has told of its exit', async () => {
    await turns();
    const before = pipes();
    const reports = Reports.join();
    const asked = vi.fn(() => true);
    const told: Report[] = [];
    for (let i = 0; i < 1000; i += 1) {
      const number = reports?.next() ?? 0;
      reports?.listen(number, (report) => told.push(report), asked);
      if (i === 999) writeSync(reports?.writer ?? -1, `exec ${number} 2\n`);
    }
    // Each once, so none of them is kept for long.
    expect(asked.mock.calls.length).toBeGreaterThan(900);
    expect(asked.mock.calls.length).toBeLessThanOrEqual(1000);
    reports?.leave();
    expect(told).toEqual([{ what: 'exec', errno: 2 }]);
    await until(() => pipes().length === before.length, 'it is closed');
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
