import { tracingChannel } from 'node:diagnostics_channel';
import { debuglog } from 'node:util';
import type { FreezeMode, FreezeState } from '../api';
import type { EndedProcess } from './types';

/** The message of the tracing channel `freeze-state:terminate`: one object from the call to the end of its promise. */
export interface TerminateMessage {
  /** The {@link Sandbox.state}. */
  readonly state: FreezeState;
  /** The mode of the state. */
  readonly mode: FreezeMode;
  /** The members at the call; empty if the state was closed before. */
  readonly pids: readonly number[];
  /** The epoch at the call; absent if the state was closed before. */
  readonly epoch?: number;
  /** What it resolved with; set at the end. */
  readonly result?: readonly EndedProcess[];
  /** What it rejected with; set at the end. */
  readonly error?: unknown;
}

const terminating = tracingChannel<unknown, TerminateMessage>('freeze-state:terminate');

/** Ends a sandbox, and publishes that on the channel if it has a subscriber. */
export function traced(
  state: FreezeState,
  mode: FreezeMode,
  end: () => Promise<EndedProcess[]>,
): Promise<EndedProcess[]> {
  return terminating.hasSubscribers ? terminating.tracePromise(end, messageOf(state, mode)) : end();
}

function messageOf(state: FreezeState, mode: FreezeMode): TerminateMessage {
  try {
    return { state, mode, pids: state.pids, epoch: state.currentEpoch };
  } catch {
    return { state, mode, pids: [] };
  }
}

// NODE_DEBUG=freeze-state is a subscriber like any other.
const debug = debuglog('freeze-state');
if (debug.enabled) {
  const nothing = (): void => {};
  terminating.subscribe({
    start: nothing,
    end: nothing,
    asyncStart: nothing,
    asyncEnd: ({ mode, pids, result, error }) => {
      const how = result === undefined ? String(error) : `${result.length} processes ended`;
      debug('terminate, mode %s, pids [%s]: %s', mode, pids.join(', '), how);
    },
    error: nothing,
  });
}
