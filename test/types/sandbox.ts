import type {
  ChildProcess,
  ChildProcessByStdio,
  ChildProcessWithoutNullStreams,
  fork,
  spawn,
} from 'node:child_process';
import type { Readable } from 'node:stream';
import type {
  AnyFreezeError,
  FreezeHold,
  FreezeReport,
  FreezeState,
  FrozenReport,
  NotFrozenReason,
} from 'freeze-state';
import { type EndedProcess, Sandbox, type SandboxOptions, type Work } from 'freeze-state/sandbox';
import { expectTypeOf } from 'vitest';

// Compiled by `npm run types`, never run: an expected error that is none is an error itself.

const sandbox = new Sandbox({
  mode: 'process-tree',
  state: { boost: false },
  freezeAfter: 20,
  confirm: { timeout: 5 },
});
new Sandbox();
new Sandbox({ freezeAfter: false, confirm: false });
// @ts-expect-error: a misspelling.
new Sandbox({ freezAfter: 5 });
// @ts-expect-error
new Sandbox({ freezeAfter: true });
expectTypeOf<SandboxOptions>().toHaveProperty('confirm');

/** The whole of Node's, with its overloads. */
expectTypeOf(sandbox.spawn).toEqualTypeOf<typeof spawn>();
expectTypeOf(sandbox.fork).toEqualTypeOf<typeof fork>();
expectTypeOf(sandbox.spawn('sh')).toEqualTypeOf<ChildProcessWithoutNullStreams>();
expectTypeOf(sandbox.spawn('sh', [], { stdio: ['ignore', 'pipe', 'inherit'] })).toEqualTypeOf<
  ChildProcessByStdio<null, Readable, null>
>();
declare const nodeSpawn: typeof spawn;
// @ts-expect-error
sandbox.spawn = nodeSpawn;
declare const special: ChildProcess & { readonly mine: true };
expectTypeOf(sandbox.adopt(special)).toEqualTypeOf<ChildProcess & { readonly mine: true }>();

expectTypeOf(sandbox.state).toEqualTypeOf<FreezeState>();
expectTypeOf(sandbox.works).toEqualTypeOf<readonly Work[]>();
expectTypeOf(sandbox.work()).toEqualTypeOf<FreezeHold>();
sandbox.work({ label: 'init', until: special });
// @ts-expect-error
sandbox.work({ until: 5 });
expectTypeOf(sandbox.freeze({ timeout: 5 })).toEqualTypeOf<Promise<FreezeReport>>();
expectTypeOf(sandbox.terminate({ killSignal: 'SIGTERM', forceKillAfter: 0, timeout: 5 })).toEqualTypeOf<
  Promise<EndedProcess[]>
>();
// @ts-expect-error
void sandbox.terminate({ killSignal: 'SIGNO' });
expectTypeOf(sandbox.kill()).toEqualTypeOf<boolean>();
expectTypeOf(sandbox).toExtend<AsyncDisposable>();

/** Events carry what they are about. */
sandbox.on('freeze', (report) => expectTypeOf(report).toEqualTypeOf<FrozenReport>());
sandbox.on('thaw', ({ epoch, frozenMs }) => expectTypeOf([epoch, frozenMs]).toEqualTypeOf<number[]>());
sandbox.once('cancel', ({ reason }) => expectTypeOf(reason).toEqualTypeOf<NotFrozenReason>());
sandbox.on('freezeFailed', (error) => expectTypeOf(error).toEqualTypeOf<AnyFreezeError>());
sandbox.on('exit', (child) => expectTypeOf(child).toEqualTypeOf<ChildProcess>());
// @ts-expect-error: what a `freeze` carries is a report.
sandbox.on('freeze', (report: number) => report);
