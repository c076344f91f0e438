import {
  type CgroupOptions,
  type FreezeCapabilities,
  type FreezeMessage,
  FreezeMode,
  type FreezeOptions,
  type FreezeReport,
  type FreezeSnapshot,
  FreezeState,
  type MemberOutcome,
  type MemberStatus,
  type OperationMessage,
  type ThawMessage,
  type WaitOptions,
} from 'freeze-state';
import { expectTypeOf } from 'vitest';

// Compiled by `npm run types`, never run: an expected error that is none is an error itself.

const state = new FreezeState(FreezeMode.Process, 1234);

/** The modes are their strings. */
expectTypeOf<FreezeMode>().toEqualTypeOf<'none' | 'process' | 'process-group' | 'process-tree' | 'cgroup'>();
expectTypeOf(FreezeMode.None).toEqualTypeOf<'none'>();
new FreezeState('none');
new FreezeState('process', undefined, {});
// @ts-expect-error: no such mode.
new FreezeState('Process');
declare const anyString: string;
// @ts-expect-error: not every string is a mode.
new FreezeState(anyString);
// @ts-expect-error
FreezeMode.None = 'process';

/** A control group is named by its path or by its parent's. */
new FreezeState('cgroup', undefined, { cgroup: { path: '/sys/fs/cgroup/a' } });
new FreezeState('cgroup', undefined, { cgroup: { parent: '/sys/fs/cgroup' } });
// @ts-expect-error: by one of them.
new FreezeState('cgroup', undefined, { cgroup: { path: '/sys/fs/cgroup/a', parent: '/sys/fs/cgroup' } });
// @ts-expect-error
new FreezeState('cgroup', undefined, { cgroup: {} });
// @ts-expect-error
new FreezeState('cgroup', undefined, { cgroup: '/sys/fs/cgroup/a' });

/** No other options. */
// @ts-expect-error: a misspelling.
new FreezeState('process', undefined, { boots: true });
// @ts-expect-error
FreezeState.withPids('process', [], { boost: true, timeout: 5 });
// @ts-expect-error
new FreezeState('cgroup', undefined, { cgroup: { parnet: '/sys/fs/cgroup' } });

/** What a confirmation and a look give. */
expectTypeOf(state.confirmFreezeAtEpoch(0)).toEqualTypeOf<Promise<FreezeReport>>();
state.confirmFreezeAtEpoch(0, { timeout: 5, signal: new AbortController().signal });
// @ts-expect-error: that is an option of waits.
state.confirmFreezeAtEpoch(0, { ref: false });
// @ts-expect-error: an epoch is needed.
state.confirmFreezeAtEpoch();
expectTypeOf<MemberOutcome['outcome']>().toEqualTypeOf<'stopped' | 'gone' | 'already-stopped'>();
expectTypeOf(state.inspect()).toEqualTypeOf<MemberStatus[]>();
expectTypeOf<MemberStatus['state']>().toEqualTypeOf<'running' | 'sleeping' | 'stopped' | 'zombie' | 'gone'>();
expectTypeOf<MemberStatus['role']>().toEqualTypeOf<'registered' | 'descendant'>();

/** Pids are numbers. */
FreezeState.withPids('process', new Set([1234]));
FreezeState.withPids('process', [1234] as readonly number[], { boost: false });
// @ts-expect-error
new FreezeState('process', '1234');
// @ts-expect-error
new FreezeState('process', null);
// @ts-expect-error
FreezeState.withPids('process', ['1234']);
// @ts-expect-error
FreezeState.withPids('process', 1234);
// @ts-expect-error: a mode and pids are needed here.
FreezeState.withPids('process');
// @ts-expect-error
state.registerPids(1234);
// @ts-expect-error
state.registerPid();
// @ts-expect-error
state.registerPid(undefined as number | undefined);
// @ts-expect-error
state.unregisterPid('1234');

/** What the members give. */
expectTypeOf(state.mode).toEqualTypeOf<FreezeMode>();
expectTypeOf(state.pid).toEqualTypeOf<number | undefined>();
expectTypeOf(state.pids).toEqualTypeOf<number[]>();
expectTypeOf(state.pidCount).toEqualTypeOf<number>();
expectTypeOf(state.cgroup).toEqualTypeOf<string | undefined>();
expectTypeOf(state.isFrozen).toEqualTypeOf<boolean>();
expectTypeOf(state.currentEpoch).toEqualTypeOf<number>();
expectTypeOf(state.snapshot()).toEqualTypeOf<FreezeSnapshot>();
expectTypeOf(state.registerPid(2)).toEqualTypeOf<void>();
expectTypeOf(state.registerPids(new Set([2]))).toEqualTypeOf<void>();
expectTypeOf(state.unregisterPid(2)).toEqualTypeOf<boolean>();
expectTypeOf(state.freezeAtEpoch(0)).toEqualTypeOf<boolean>();
expectTypeOf(state.unfreeze()).toEqualTypeOf<void>();
expectTypeOf(state.forceUnfreeze()).toEqualTypeOf<void>();
expectTypeOf(state.waitForStateChange()).toEqualTypeOf<Promise<FreezeSnapshot>>();
expectTypeOf(state.close()).toEqualTypeOf<void>();
expectTypeOf(state).toExtend<Disposable>();
expectTypeOf(FreezeState.capabilities).toEqualTypeOf<FreezeCapabilities>();
expectTypeOf<FreezeSnapshot>().toEqualTypeOf<{ readonly epoch: number; readonly isFrozen: boolean }>();

// @ts-expect-error
state.freezeAtEpoch();
// @ts-expect-error
state.freezeAtEpoch(0n);
// @ts-expect-error: as a property it can only be read.
state.currentEpoch();

/** Nothing can be set. */
// @ts-expect-error
state.mode = 'none';
// @ts-expect-error
state.pid = 2;
// @ts-expect-error
state.pids = [];
// @ts-expect-error
state.isFrozen = true;
// @ts-expect-error
state.currentEpoch = 1;
// @ts-expect-error
state.snapshot().epoch = 1;
// @ts-expect-error
FreezeState.capabilities.boost = true;
// @ts-expect-error
FreezeState.capabilities.modes.process.available = true;

/** Options are readonly, known by name, and never `undefined` by mistake. */
expectTypeOf<FreezeOptions>().toEqualTypeOf<{
  readonly boost?: boolean;
  readonly guardian?: boolean;
  readonly onParentDeath?: 'thaw' | 'kill';
  readonly mark?: string;
  readonly cgroup?: CgroupOptions;
}>();
export function optionsAreReadonly(options: FreezeOptions, wait: WaitOptions): void {
  // @ts-expect-error
  options.boost = true;
  // @ts-expect-error
  wait.timeout = 1;
}
// @ts-expect-error
new FreezeState('none', undefined, { bost: true });
// @ts-expect-error
new FreezeState('none', undefined, { boost: 1 });
void state.waitForStateChange({ since: state.snapshot(), timeout: 5, signal: AbortSignal.timeout(1), ref: false });
// @ts-expect-error
void state.waitForStateChange({ timeout: '5' });
// @ts-expect-error
void state.waitForStateChange({ since: 0 });
// @ts-expect-error
void state.waitForStateChange({ since: { epoch: 0 } });
// @ts-expect-error
void state.waitForStateChange(5);

/** A plain object is no state, however it looks. */
// @ts-expect-error
export const lookalike: FreezeState = { ...state, mode: 'none', pid: undefined, pids: [], pidCount: 0 };

/** One subscriber serves the channels of both operations. */
expectTypeOf<FreezeMessage | ThawMessage>().toExtend<OperationMessage>();
