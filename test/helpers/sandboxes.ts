import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { FreezeMode } from 'freeze-state';
import { Sandbox, type SandboxOptions } from 'freeze-state/sandbox';
import { afterEach, expect } from 'vitest';
import { signallingModes } from './modes';
import { letterOf } from './proc';
import { endAll } from './processes';
import { targetProgram } from './programs';
import { until } from './until';

/** Every mode in which a sandbox starts and ends processes here. */
export const sandboxModes = [FreezeMode.None, ...signallingModes];

// In the environment of all that is started from here on, whatever becomes of its parents.
const mark = `FREEZE_TEST_MARK=${randomUUID()}`;
process.env['FREEZE_TEST_MARK'] = mark.slice(mark.indexOf('=') + 1);

/** The processes, of this file's tests, that live. */
export function leftovers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isMarked(pid) && !['', 'Z', 'X'].includes(letterOf(pid)));
}

function isMarked(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark);
  } catch {
    return false;
  }
}

const made = new Set<Sandbox>();

/** Milliseconds. On a busy machine a process can wait seconds for a processor; a test must not fail for that. */
const patience = 30_000;

/** Options of an end in which no process has to be killed. */
export const patient = { forceKillAfter: patience, timeout: 2 * patience } as const;

/** A sandbox whose processes end with the test at the latest. */
export function makeSandbox(options: SandboxOptions): Sandbox {
  const sandbox = new Sandbox({ confirm: { timeout: patience }, ...options });
  made.add(sandbox);
  return sandbox;
}

afterEach(async () => {
  // Each looks through /proc, and a test may have had hundreds.
  for (const sandbox of made) if (!isOver(sandbox)) sandbox.kill();
  made.clear();
  await endAll();
  // What a broken sandbox has left.
  await until(() => {
    const left = leftovers();
    for (const pid of left) kill(pid);
    return left.length === 0;
  }, 'nothing is left of the sandboxes');
});

function isOver({ state }: Sandbox): boolean {
  try {
    state.snapshot();
    return false;
  } catch {
    return true;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has exited since.
  }
}

/** Freezes the sandbox now. In mode none nothing is frozen. */
export async function freeze(sandbox: Sandbox): Promise<void> {
  const { isFrozen } = await sandbox.freeze({ timeout: patience });
  expect(isFrozen).toBe(sandbox.state.mode !== FreezeMode.None);
}

/** A child that sleeps until its input ends. It ends with this process. */
export function sleeperIn(sandbox: Sandbox): ChildProcess & { readonly pid: number } {
  return started(sandbox.spawn(targetProgram, ['sleep'], { stdio: ['pipe', 'pipe', 'inherit'] }));
}

export function started<C extends ChildProcess>(child: C): C & { readonly pid: number } {
  if (child.pid === undefined) throw new Error(`${child.spawnfile} does not start`);
  return child as C & { readonly pid: number };
}

/** The next piece of the child's output. */
export async function output({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('It has no pipe.');
  const [piece] = (await once(stdout, 'data')) as [Buffer];
  return piece.toString();
}

/** Waits until an event was told that often in all, from now on. */
export function counted(sandbox: Sandbox, event: 'freeze' | 'thaw' | 'cancel' | 'freezeFailed' | 'exit') {
  const told: unknown[] = [];
  sandbox.on(event, (value: unknown) => told.push(value));
  return {
    told,
    reach: (count: number, deadline?: number) =>
      until(() => told.length >= count, `${event} was told ${count} times`, deadline),
  };
}
