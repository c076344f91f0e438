import type { FreezeMode } from 'freeze-state';
import type { Tools } from '../helpers/node';

export interface Outcome {
  /** What each operation returned, or the code of its error. */
  readonly answers: Record<string, unknown>;
  /** What is not as the promises have it; docs/semantics.md. */
  readonly broken: string[];
  readonly messages: string[];
}

/** Each operation of a state once, in each mode, for a process that lacks something: runs in a child; see valueInNode. */
export async function operations(
  { FreezeState }: Tools,
  modes: FreezeMode[],
  pids: number[],
  mountPoint: string,
  isFull: boolean,
  hopeless: FreezeMode[],
): Promise<{ pid: number; outcomes: Record<string, Outcome> }> {
  const { execFileSync } = process.getBuiltinModule('node:child_process');
  const { fstatSync, readFileSync } = process.getBuiltinModule('node:fs');
  const text = (path: string): string => {
    try {
      return readFileSync(path, 'latin1');
    } catch {
      return '';
    }
  };
  const isStopped = (pid: number): boolean => {
    const stat = text(`/proc/${pid}/stat`);
    const [, group = ''] = /^0::(\/.*)$/m.exec(text(`/proc/${pid}/cgroup`)) ?? [];
    return stat.includes(') T ') || text(`${mountPoint}${group}/cgroup.events`).includes('frozen 1');
  };
  const within = (condition: () => boolean): boolean => {
    const end = Date.now() + 30_000;
    while (!condition()) if (Date.now() > end) return false;
    return true;
  };
  const openFiles = (): number => {
    let count = 0;
    for (let fd = 0; fd < 256; fd += 1) {
      try {
        fstatSync(fd);
        count += 1;
      } catch {
        // Not open.
      }
    }
    return count;
  };
  const late = pids[pids.length - 1] as number;
  const members = pids.slice(0, -1);
  const outcomes: Record<string, Outcome> = {};
  // What is opened once, the ledger and the socket of the guardian.
  new FreezeState('process').close();
  // No process can be started from here on.
  if (isFull) execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1']);
  for (const mode of modes) {
    const answers: Record<string, unknown> = {};
    const broken: string[] = [];
    const messages: string[] = [];
    const timeout = hopeless.includes(mode) ? 100 : 20_000;
    const filesBefore = openFiles();
    let state: InstanceType<typeof FreezeState> | undefined;
    const step = async (name: string, operation: () => unknown): Promise<void> => {
      try {
        const value = await operation();
        answers[name] = typeof value === 'object' ? (value as { isFrozen: boolean }).isFrozen : (value ?? true);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        answers[name] = code ?? message;
        messages.push(message);
      }
      const isFrozen = answers['close'] === undefined && state?.isFrozen === true;
      const covered = isFrozen ? (state?.pids ?? []) : [];
      if (!within(() => covered.every(isStopped))) broken.push(`${name}: frozen, and a member runs`);
      const others = pids.filter((pid) => !covered.includes(pid));
      if (!within(() => !others.some(isStopped))) broken.push(`${name}: stopped, and not frozen`);
      if (name.startsWith('freeze') && isFrozen !== (answers[name] === true))
        broken.push(`${name}: the state says otherwise`);
    };
    await step('make', () => {
      state = new FreezeState({ mode, pids: members });
    });
    const made = state;
    if (made !== undefined) {
      await step('freeze', () => made.freezeAtEpoch(0));
      await step('register', () => made.registerPid(late));
      await step('unregister', () => made.unregisterPid(late));
      await step('unfreeze', () => made.unfreeze());
      await step('confirm', () => made.confirmFreezeAtEpoch(made.currentEpoch, { timeout }));
      await step('forceUnfreeze', () => made.forceUnfreeze());
      await step('freezeAgain', () => made.freezeAtEpoch(made.currentEpoch));
      await step('close', () => made.close());
    }
    // The thread that keeps the guardian may have one for a moment, before it has a table of its own.
    if (!within(() => openFiles() <= filesBefore)) broken.push(`${openFiles() - filesBefore} descriptors leak`);
    outcomes[mode] = { answers, broken, messages };
  }
  return { pid: process.pid, outcomes };
}
