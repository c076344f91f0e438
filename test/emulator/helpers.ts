import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect } from 'vitest';
import { emulator } from './compile';

export const root = join(__dirname, '../..');
export const fixture = (name: string, ...args: (string | number)[]) =>
  ['node', join(__dirname, 'fixtures', name), ...args].join(' ');

export const extension = (name: string, ...rest: (string | number)[]) => fixture('extension.mjs', name, ...rest);

/** Polls for a condition; the deadline is for a test that is going to fail. */
export async function eventually(what: string, condition: () => boolean, deadlineMs = 60_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not in ${deadlineMs} ms: ${what}`);
    await sleep(2);
  }
}

/** The state letter of a process, read by the test itself; `-` where there is none. */
export function letter(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '?';
  } catch {
    return '-';
  }
}

const started: { pids(): number[] }[] = [];

/** Has the processes of a test killed after it, stopped ones too. */
export function cleanUp(owner: { pids(): number[] }): void {
  started.push(owner);
}

afterEach(() => {
  for (const owner of started.splice(0)) {
    for (const pid of owner.pids()) {
      for (const signal of ['SIGCONT', 'SIGKILL'] as const) {
        try {
          process.kill(pid, signal);
        } catch {
          // It is gone, as it should be.
        }
      }
    }
  }
});

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Instead of the emulator; by tsx, if that is TypeScript. */
  readonly script?: string;
  /** In a process group of its own, as a terminal starts it. */
  readonly detached?: boolean;
  /** The user it runs as; needs root. */
  readonly uid?: number;
}

/** A run of the emulator's command line. */
export class Run {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  #exit: Promise<unknown>;

  constructor(args: readonly string[], { env = {}, script, ...options }: RunOptions = {}) {
    const command = [...(script?.endsWith('.ts') ? ['--import', 'tsx'] : []), script ?? emulator];
    this.child = spawn(process.execPath, [...command, ...args], {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', ...env },
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // 'close' comes after the exit and after the last process that has our pipes: one that was left would hang the test.
    this.#exit = once(this.child, 'close');
    cleanUp({ pids: () => [...Object.values(this.processes), ...(this.child.exitCode === null ? [this.pid] : [])] });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** The pid of each process of the sandbox, by its name, from the log. */
  get processes(): Record<string, number> {
    const starts = this.stderr.matchAll(/ start .* name=(\S+) pid=(\d+)$/gm);
    return Object.fromEntries([...starts].map(([, name, pid]) => [name, Number(pid)]));
  }

  get letters(): string {
    return Object.values(this.processes).map(letter).join('');
  }

  get lines(): unknown[] {
    return this.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  /** What happened, in order: the third word of each line of the log. */
  get happenings(): string[] {
    return [...this.stderr.matchAll(/^\[ *[\d.]+\] (\w+)/gm)].map(([, what]) => what as string);
  }

  count(what: string): number {
    return this.happenings.filter((other) => other === what).length;
  }

  /** When it first happened, by the log, in seconds. */
  timeOf(what: string): number {
    return Number(new RegExp(`^\\[ *([\\d.]+)\\] ${what} `, 'm').exec(this.stderr)?.[1]);
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    try {
      await eventually(what, () => condition() || this.child.exitCode !== null);
      if (!condition()) throw new Error(`the emulator ended before: ${what}`);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.stderr}`);
    }
  }

  /** Waits for the end, `null` for one by a signal; where it is another than expected, shows what happened. */
  async exitsWith(code: number | null): Promise<void> {
    expect(await this.exited(), `${this.stdout.slice(-2_000)}\n${this.stderr.slice(-5_000)}`).toBe(code);
  }

  /** The exit code, when everything that belongs to the run has ended. */
  async exited(): Promise<number | null> {
    await this.#exit;
    return this.child.exitCode;
  }
}

/** The arguments of a command line. */
export function args(options: {
  runtime?: string;
  extensions?: string[];
  events?: unknown[];
  more?: (string | number)[];
}): string[] {
  const { runtime = fixture('runtime.mjs'), extensions = [], events = [{}], more = [] } = options;
  return [
    ...['--runtime', runtime],
    ...extensions.flatMap((extension) => ['--extension', extension]),
    ...events.flatMap((event) => ['--event', JSON.stringify(event)]),
    ...more.map(String),
  ];
}

/** A run of the emulator that serves the Invoke API. */
export async function serving(...more: (string | number)[]): Promise<{ run: Run; url: string }> {
  const run = new Run(['--runtime', fixture('runtime.mjs'), '--serve', '0', ...more.map(String)]);
  const address = /^Invoke by POST (http:\S+)$/m;
  await run.until('it listens', () => address.test(run.stdout));
  return { run, url: address.exec(run.stdout)?.[1] as string };
}

/** Invokes the function. */
export const post = (url: string, event: unknown) => fetch(url, { method: 'POST', body: JSON.stringify(event) });
