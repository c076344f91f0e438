import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CgroupError } from 'freeze-state';
import { afterEach, expect, vi } from 'vitest';
import { errorOf } from './errors';
import { cgroupOf } from './proc';
import { endAll } from './processes';

/** The cgroup that the tests run in. */
export const own = cgroupOf(process.pid);
const made: string[] = [];
let count = 0;

/** A cgroup of the test's own, which goes with it. */
export function cgroup(parent = own): string {
  count += 1;
  const path = join(parent, `freeze-state-test-${process.pid}-${count}`);
  mkdirSync(path);
  made.push(path);
  return path;
}

export function write(path: string, file: string, text: string | number): void {
  writeFileSync(join(path, file), String(text));
}

export function numbersIn(path: string, file: string): string[] {
  return readFileSync(join(path, file), 'latin1').split(/\s+/).filter(Boolean);
}

export function processesOf(path: string): number[] {
  return numbersIn(path, 'cgroup.procs').map(Number);
}

/** The cgroups that states of that process have made under a cgroup. */
export function madeBy(pid: number, parent: string): string[] {
  return readdirSync(parent).filter((name) => name.startsWith(`freeze-state-${pid}-`));
}

/** The cgroups that states of this process have made under it. */
export const madeUnder = (parent: string): string[] => madeBy(process.pid, parent);

export function cgroupErrorOf(operation: () => unknown): CgroupError {
  const error = errorOf(operation);
  expect(error).toBeInstanceOf(CgroupError);
  return error as CgroupError;
}

function thaw(path: string): void {
  if (!existsSync(path)) return;
  write(path, 'cgroup.freeze', 0);
  for (const name of madeUnder(path)) thaw(join(path, name));
}

/** Removes the cgroup with what a failed state has left in it. */
async function remove(path: string): Promise<void> {
  if (!existsSync(path)) return;
  for (const name of madeUnder(path)) await remove(join(path, name));
  await vi.waitFor(() => rmdirSync(path), { timeout: 5000, interval: 5 });
}

afterEach(async () => {
  made.forEach(thaw);
  await endAll();
  for (const path of made.splice(0).reverse()) await remove(path);
});
