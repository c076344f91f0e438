// Processes that write down when they run again after a stop: native/stamper.cpp. They end with this one.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adopt, endWithGroup } from '../test/helpers/children.js';
import { until } from '../test/helpers/until.js';

const program = join(import.meta.dirname, 'native/build/Release/stamper');

/** Of a slot in their file, as numbers of 64 bits: the stamp, the pid, and room. */
const numbersInSlot = 8;

export class Stampers {
  readonly #file: number;
  readonly #slots: BigUint64Array;
  /** In the order of their slots: the root of a tree comes first. */
  pids: readonly number[] = [];

  private constructor(count: number) {
    // In memory, where no page of the file is ever written to a disk, for which the next stamp would have to wait.
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bench-'));
    this.#file = openSync(join(folder, 'stamps'), 'wx+');
    rmSync(folder, { recursive: true });
    this.#slots = new BigUint64Array(count * numbersInSlot);
    ftruncateSync(this.#file, this.#slots.byteLength);
  }

  /** Children of this process. */
  static async children(count: number): Promise<Stampers> {
    const stampers = new Stampers(count);
    await Promise.all(Array.from({ length: count }, (_, slot) => stampers.#spawn([slot])));
    return await stampers.#ready();
  }

  /**
   * A child that leads a process group, in which all the others are its children. It leads no session: the scheduler may give
   * each session the same share of the processors (sched(7), autogroup), and then those of another one run at other times.
   */
  static async tree(count: number): Promise<Stampers> {
    const stampers = new Stampers(count);
    const leader = await stampers.#spawn([0, count]);
    await stampers.#ready();
    endWithGroup(leader);
    return stampers;
  }

  async #spawn(words: number[]): Promise<ChildProcess> {
    const child = spawn(program, [process.pid, ...words].map(String), { stdio: [this.#file, 'ignore', 'inherit'] });
    adopt(child).unref();
    await once(child, 'spawn');
    return child;
  }

  async #ready(): Promise<this> {
    await until(() => this.#stamps().every((stamp) => stamp > 0n), 'all stampers run');
    this.pids = this.#read(1).map(Number);
    return this;
  }

  #stamps(): bigint[] {
    return this.#read(0);
  }

  #read(offset: number): bigint[] {
    readSync(this.#file, this.#slots, 0, this.#slots.byteLength, 0);
    return [...this.#slots].filter((_, index) => index % numbersInSlot === offset);
  }

  /**
   * Waits until each has run since, and this process sleeps meanwhile.
   *
   * @param start a `process.hrtime.bigint()`, which is the clock of the stamps.
   * @returns the microseconds from `start` until the first and until the last of them ran.
   */
  async ranAgain(start: bigint): Promise<Record<'first member' | 'last member', number>> {
    let after: number[] = [];
    await until(() => {
      after = this.#stamps().map((stamp) => Number(stamp - start) / 1000);
      return after.every((time) => time > 0);
    }, 'all members run again');
    return { 'first member': Math.min(...after), 'last member': Math.max(...after) };
  }

  close(): void {
    // The root of a tree last: the others end with it.
    for (const pid of [...this.pids].reverse()) end(pid);
    closeSync(this.#file);
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
