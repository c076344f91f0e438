import {
  type ChangesOptions,
  type FreezeHandle,
  type FreezeHold,
  type FreezeSnapshot,
  FreezeState,
  type WaitSyncOptions,
} from 'freeze-state';
import { expectTypeOf } from 'vitest';

// Compiled by `npm run types`, never run: an expected error that is none is an error itself.

const state = new FreezeState();

/** A handle is read, not written; what comes from another thread is `any`, and is checked when it is attached. */
expectTypeOf(state.share()).toEqualTypeOf<FreezeHandle>();
expectTypeOf(FreezeState.attach(state.share())).toEqualTypeOf<FreezeState>();
expectTypeOf<FreezeHandle>().toEqualTypeOf<{
  readonly type: 'FreezeHandle';
  readonly process: string;
  readonly id: number;
}>();
// @ts-expect-error
state.share().id = 1;
// @ts-expect-error
FreezeState.attach();
// @ts-expect-error: a state is not its handle.
FreezeState.attach(state);
// @ts-expect-error
FreezeState.attach({ process: 'p', id: 1 });
// @ts-expect-error: it is a matter of the class.
state.attach(state.share());

/** The blocking wait has a result that may be missing, and no signal. */
expectTypeOf(state.waitForStateChangeSync()).toEqualTypeOf<FreezeSnapshot | undefined>();
expectTypeOf<WaitSyncOptions>().toEqualTypeOf<{
  readonly since?: FreezeSnapshot;
  readonly timeout?: number;
  readonly spin?: number;
}>();
state.waitForStateChangeSync({ since: state.snapshot(), timeout: 5 });
// @ts-expect-error: nothing can abort it.
state.waitForStateChangeSync({ signal: AbortSignal.timeout(1) });
// @ts-expect-error
state.waitForStateChangeSync(5);

/** The changes are snapshots, and can be iterated. */
expectTypeOf(state.changes()).toExtend<AsyncIterable<FreezeSnapshot>>();
expectTypeOf(state.changes()).toExtend<AsyncIterator<FreezeSnapshot>>();
expectTypeOf<ChangesOptions>().toEqualTypeOf<{ readonly signal?: AbortSignal; readonly ref?: boolean }>();
// @ts-expect-error: each step begins where the one before ended.
state.changes({ since: state.snapshot() });
// @ts-expect-error: asynchronously only.
for (const _ of state.changes()) break;

/** A hold is taken from a state, and used with `using`. */
expectTypeOf(state.hold()).toEqualTypeOf<FreezeHold>();
expectTypeOf<FreezeHold>().toExtend<Disposable>();
expectTypeOf<FreezeHold['isReleased']>().toEqualTypeOf<boolean>();
expectTypeOf<FreezeHold['release']>().returns.toEqualTypeOf<void>();
// @ts-expect-error
state.hold().isReleased = true;
