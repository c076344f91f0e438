import type { ShutdownReason } from './errors';

/** What happened in a sandbox, and the state letter of each of its processes right after it. */
export type LogEntry = Happening & {
  /** When it began: microseconds of the monotonic clock, the same for every process of this machine. */
  readonly atUs: number;
  readonly states: Readonly<Record<string, string>>;
};

export type Happening =
  | { readonly what: 'listen'; readonly api: string }
  | { readonly what: 'start'; readonly name: string; readonly pid: number }
  | { readonly what: 'register'; readonly name: string; readonly events: string }
  | { readonly what: 'ready'; readonly tookUs: number }
  | { readonly what: 'deliver'; readonly requestId: string; readonly bytes: number }
  | { readonly what: 'response' | 'error'; readonly requestId: string; readonly bytes: number; readonly tookUs: number }
  /** The invocation is over: everyone is parked again. */
  | { readonly what: 'parked'; readonly requestId: string; readonly tookUs: number }
  /**
   * `signalledUs`: until the last signal was sent. `stoppedUs`: until the last process was seen stopped. `others`: what was
   * frozen with the processes of the sandbox, because they had started it.
   */
  | {
      readonly what: 'freeze';
      readonly epoch: number;
      readonly signalledUs: number;
      readonly stoppedUs: number;
      readonly others: readonly number[];
    }
  /** A freeze that was rolled back, because these processes did not stop. */
  | { readonly what: 'undone'; readonly pids: readonly number[] }
  /** A freeze that was scheduled at `epoch`, and did not happen because work had arrived: the epoch is `now` another one. */
  | { readonly what: 'cancelled'; readonly epoch: number; readonly now: number }
  | { readonly what: 'thaw'; readonly epoch: number; readonly tookUs: number }
  | { readonly what: 'fail'; readonly errorType: string; readonly message: string }
  | { readonly what: 'shutdown'; readonly reason: ShutdownReason }
  | { readonly what: 'exit'; readonly name: string; readonly how: string };

/** Microseconds of the monotonic clock. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** One line: seconds since `startUs` to the microsecond, what happened, each process's state letter, the details. */
export function formatEntry({ atUs, what, states, ...details }: LogEntry, startUs: number): string {
  const time = ((atUs - startUs) / 1e6).toFixed(6).padStart(11);
  const letters = Object.entries(states).map(([name, letter]) => `${name}=${letter}`);
  const rest = Object.entries(details)
    .filter(([, value]) => String(value) !== '')
    .map(([name, value]) => (name.endsWith('Us') ? `${name.slice(0, -2)}=${value}µs` : `${name}=${value}`));
  return `[${time}] ${what.padEnd(9)} ${letters.join(' ')}  ${rest.join(' ')}`.trimEnd();
}
