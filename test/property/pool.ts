import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { end, type Piped, start } from '../helpers/children';
import { cgroupMount, cgroupOf } from '../helpers/proc';
import { familiesProgram } from '../helpers/programs';

const buffer = Buffer.alloc(4096);

/** A file of /proc, read anew each time through one descriptor; '' once its process is gone. */
class ProcFile {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  read(): string {
    try {
      return buffer.toString('latin1', 0, readSync(this.#fd, buffer, 0, buffer.length, 0));
    } catch {
      return '';
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

const own = cgroupOf(process.pid);
const sigstop = 1n << BigInt(constants.signals.SIGSTOP - 1);

/** A process of the pool, of which much is read. */
class Watched {
  readonly #status: ProcFile;
  readonly #cgroup: ProcFile;

  constructor(readonly pid: number) {
    this.#status = new ProcFile(`/proc/${pid}/status`);
    this.#cgroup = new ProcFile(`/proc/${pid}/cgroup`);
  }

  /** Stopped by a signal, or about to: where it is not, no SIGSTOP has been sent that was not taken back. */
  get isStopped(): boolean {
    const status = this.#status.read();
    const letter = /^State:\t(.)/m.exec(status)?.[1] ?? 'X';
    if ('ZX'.includes(letter)) throw new Error(`${this.pid} has ended, and nothing was to kill it`);
    return letter === 'T' || isStopPending(status);
  }

  /** Frozen with its cgroup, or about to be. */
  get isFrozen(): boolean {
    const [, path = ''] = /^0::(\/.*)$/m.exec(this.#cgroup.read()) ?? [];
    const directory = `${cgroupMount()}${path === '/' ? '' : path}`;
    // This process would not read otherwise.
    if (path === '' || directory === own) return false;
    return readFileSync(`${directory}/cgroup.freeze`, 'latin1').startsWith('1');
  }

  close(): void {
    this.#status.close();
    this.#cgroup.close();
  }
}

function isStopPending(status: string): boolean {
  const [, pending = '0'] = /^ShdPnd:\t(\w+)$/m.exec(status) ?? [];
  return (BigInt(`0x${pending}`) & sigstop) !== 0n;
}

/** A process that leads a group, and its child, which dies with it. */
interface Family {
  readonly leader: Watched;
  readonly child: Watched;
}

/** How many are there before they are needed. */
const spare = 3;
/** For what is to happen at once: long enough for a machine on which a process waits seconds for its turn. */
const patience = 60_000;

/** Processes that one sequence of operations after the other uses; another process starts them and reaps them. */
export class Pool {
  readonly #starter: Piped = start(familiesProgram, []);
  readonly #ready: Family[] = [];
  readonly #families: Family[] = [];
  readonly #killed = new Set<number>();
  /** Pids of those that were reaped. */
  readonly #gone = new Set<number>();
  #asked = 0;
  #printed = '';
  #onLine = (): void => undefined;

  constructor(readonly size: number) {
    this.#starter.stdout.on('data', (chunk: Buffer) => {
      const lines = `${this.#printed}${chunk}`.split('\n');
      this.#printed = lines.pop() as string;
      for (const line of lines) this.#take(line);
      this.#onLine();
    });
  }

  #take(line: string): void {
    if (line.startsWith('-')) {
      this.#gone.add(-Number(line));
      return;
    }
    const [leader, child] = line.split(' ').map(Number) as [number, number];
    this.#ready.push({ leader: new Watched(leader), child: new Watched(child) });
  }

  /** Puts a family where one was killed, and continues those that a sequence has left stopped. */
  async refill(stopped: ReadonlySet<number>): Promise<void> {
    for (let place = 0; place < this.size; place += 1) {
      if (this.#families[place] === undefined || this.#killed.delete(place)) {
        await this.#until(() => this.#ready.length > 0, 'a family was started');
        this.#families[place] = this.#ready.shift() as Family;
      } else if (stopped.has(place)) process.kill(this.pid(place), 'SIGCONT');
    }
  }

  /** Has others started before they are needed. */
  #ask(): void {
    const missing = this.size + spare - this.#asked;
    if (missing <= 0) return;
    this.#starter.stdin.write('+'.repeat(missing));
    this.#asked += missing;
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    this.#ask();
    const deadline = performance.now() + patience;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`Within ${patience} ms it did not come true that ${what}.`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patience);
        this.#onLine = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #at(place: number): Family {
    return this.#families[place] as Family;
  }

  pid(place: number): number {
    return this.#at(place).leader.pid;
  }

  childOf(place: number): number {
    return this.#at(place).child.pid;
  }

  /** Whether it is stopped by a signal, where that is expected or not. */
  isStopped(place: number, of: keyof Family, isExpected: boolean): boolean {
    const one = this.#at(place)[of];
    // It may have taken the signal between the two lines of one reading.
    return one.isStopped || (isExpected && one.isStopped);
  }

  isFrozen(place: number, of: keyof Family): boolean {
    return this.#at(place)[of].isFrozen;
  }

  /** Kills a member, and waits until it and its child are reaped. */
  async kill(place: number): Promise<void> {
    const { leader, child } = this.#at(place);
    process.kill(leader.pid, 'SIGKILL');
    this.#asked -= 1;
    this.#killed.add(place);
    for (const one of [leader, child]) {
      await this.#until(() => this.#gone.delete(one.pid), `${one.pid} ended`);
      one.close();
    }
  }

  close(): Promise<void> {
    return end(this.#starter);
  }
}
