// How long a sandbox in mode cgroup keeps this thread to start a child, which moves itself into the group: beside a plain spawn,
// a sandbox that moves nothing, and a plain spawn whose child this thread moves. One after the other, and 16 at once.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { FreezeMode, FreezeState } from 'freeze-state';
import { Sandbox } from 'freeze-state/sandbox';
import { median } from 'simple-statistics';
import { goal, note, print } from '../findings.mjs';
import { type Contestant, interleave, microsecondsSince } from '../measure.mjs';

const together = 16;

type Start = () => ChildProcess;

const plain: Start = () => spawn('/bin/true', { stdio: 'ignore' });

/** Microseconds for which the calls keep this thread, each. They come after a pause: the kernel is slow at the first move then. */
async function time(start: Start, count: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 60));
  const begin = process.hrtime.bigint();
  const children = Array.from({ length: count }, start);
  const taken = microsecondsSince(begin) / count;
  await Promise.all(children.map((child) => once(child, 'close')));
  return taken;
}

function contestant(name: string, start: Start): Contestant {
  return {
    name,
    sample: async () => ({ 'one child': await time(start, 1), [`each of ${together}`]: await time(start, together) }),
  };
}

if (!FreezeState.capabilities.modes.cgroup.available) {
  note('Mode cgroup is not available here.');
  process.exit();
}
const sandboxOf = (mode: FreezeMode): Sandbox => new Sandbox({ mode, freezeAfter: false });
const [joining, unmoved] = [sandboxOf(FreezeMode.Cgroup), sandboxOf(FreezeMode.None)];
const moving = new FreezeState('cgroup');
const results = await interleave(
  [
    contestant('child_process.spawn', plain),
    contestant('sandbox.spawn, mode none', () => unmoved.spawn('/bin/true', { stdio: 'ignore' })),
    contestant('sandbox.spawn, mode cgroup', () => joining.spawn('/bin/true', { stdio: 'ignore' })),
    contestant('child_process.spawn and registerPid', () => {
      const child = plain();
      if (child.pid !== undefined) moving.registerPid(child.pid);
      return child;
    }),
  ],
  25,
);
print('Starting a child', 'µs', results, 'child_process.spawn');
const [base = 0, inside = 0] = ['child_process.spawn', 'sandbox.spawn, mode cgroup'].map((name) =>
  median(results.get(name)?.get('one child') ?? []),
);
goal('sandbox.spawn in mode cgroup: what it adds to child_process.spawn', (inside - base) / 1000, 0.3, 'ms');
await Promise.all([joining.terminate(), unmoved.terminate()]);
moving.close();
