// What an emulator has to do for an event, in figures that it takes of itself: for the programs of trials/invocation.mts and
// trials/fun.mts.
import { tracingChannel } from 'node:diagnostics_channel';
import type { FreezeMessage } from 'freeze-state';
import { microsecondsSince } from './measure.mjs';
import { answer } from './peer.mjs';

type Figures = Record<string, number>;

/** From the event until its answer. The sandbox was frozen before it, or parked where there is no freeze. */
export const invocation = 'whole invocation';
/** From the answer until the next event finds the sandbox as this one did. */
export const again = 'then until frozen';
/** How long the event loop was active meanwhile. */
export const loop = 'event loop';
const events = 20;
/** One of so many events, each of which comes as soon as the one before it is answered. */
export const inSeries = `each of ${events}`;
/** The longest time between two turns of the event loop during a freeze that is confirmed. */
export const longestTurn = 'longest turn';

/** Kinds of samples. */
export const [series, turns] = ['series', 'turns'];

/** An emulator, as far as it is measured. */
interface Emulator {
  /** Resolves with the answer to one event. */
  invoke(): Promise<unknown>;
  /** Is called when the answer has come. Resolves when the sandbox is frozen; where it is not, when it is parked. */
  settled(): Promise<unknown>;
  /** Whether `settled` only looks now and then, so that there is no figure {@link again}. */
  readonly isPolled?: boolean;
  end(): Promise<void>;
}

/** Has the trial measure it. */
export function measured({ invoke, settled, isPolled = false, end }: Emulator): void {
  const samples: Record<string, () => Promise<Figures>> = {
    [series]: async () => {
      const start = process.hrtime.bigint();
      for (let event = 0; event < events; event += 1) await invoke();
      const all = microsecondsSince(start);
      await settled();
      return { [inSeries]: all / events };
    },
    [turns]: async () => {
      await invoke();
      return { [longestTurn]: await longestGap() };
    },
  };
  const cycle = async (): Promise<Figures> => {
    const before = performance.eventLoopUtilization();
    const start = process.hrtime.bigint();
    await invoke();
    const answered = microsecondsSince(start);
    await settled();
    const all = microsecondsSince(start);
    const { active } = performance.eventLoopUtilization(before);
    return { [invocation]: answered, ...(!isPolled && { [again]: all - answered }), [loop]: active * 1000 };
  };
  answer((kind) => (samples[kind] ?? cycle)(), end);
}

const freezes = tracingChannel<unknown, FreezeMessage>('freeze-state:freeze');
const nothing = (): void => undefined;

/** Resolves when the next confirmed freeze of this process is over. */
export function frozen(begins: () => void = nothing): Promise<void> {
  return new Promise((resolve, reject) => {
    const listener = {
      start: begins,
      end: nothing,
      asyncStart: nothing,
      asyncEnd: ({ result }: FreezeMessage) => {
        freezes.unsubscribe(listener);
        if (typeof result === 'object' && result.isFrozen) resolve();
        else reject(new Error('The sandbox was not frozen.'));
      },
      error: nothing,
    };
    freezes.subscribe(listener);
  });
}

/** Microseconds, of the next freeze. */
async function longestGap(): Promise<number> {
  let last = 0n;
  let longest = 0;
  let isOver = false;
  const turn = (): void => {
    longest = Math.max(longest, microsecondsSince(last));
    last = process.hrtime.bigint();
  };
  const tick = (): void => {
    if (isOver) return;
    turn();
    setImmediate(tick);
  };
  await frozen(() => {
    last = process.hrtime.bigint();
    setImmediate(tick);
  });
  // The time since the last tick is the freeze's as well: all of it, where the freeze is over before the first tick.
  turn();
  isOver = true;
  return longest;
}
