import { checkHandle } from './arguments';
import { InvalidHandleError } from './errors';
import { closedError } from './failures';
import { native, type StateHandle } from './native';
import { below } from './stack';
import type { FreezeHandle } from './types';

/**
 * The handles of this thread, by the ids of their states. A thread has one handle for each state, however often it attaches. So it
 * needs one thread-safe function for it, and its own changes reach all of its waits without that function.
 */
const here = new Map<number, WeakRef<StateHandle>>();
const collected = new FinalizationRegistry<number>((id) => {
  if (here.get(id)?.deref() === undefined) here.delete(id);
});

function remember(id: number, state: StateHandle): void {
  if (here.get(id)?.deref() === state) return;
  here.set(id, new WeakRef(state));
  collected.register(state, id);
}

/** What another thread needs to find the state: a plain object, to be sent by `postMessage` or as `workerData`. */
export function handleOf(state: StateHandle): FreezeHandle {
  const id = state.share();
  remember(id, state);
  return Object.freeze({ type: 'FreezeHandle', process: native.processToken, id });
}

/** Finds the state that the handle names, in this process. Throws where there is none. */
export function find(handle: unknown): StateHandle {
  checkHandle(handle);
  const { process: token, id } = handle;
  const known = token === native.processToken ? here.get(id)?.deref() : undefined;
  const found = known ?? native.attach(token, id);
  if (typeof found === 'string') throw below(whyNone(found, id));
  if (found.word() === undefined) throw below(closedError());
  remember(id, found);
  return found;
}

function whyNone(reason: 'foreign' | 'unknown' | 'gone', id: number): Error {
  switch (reason) {
    case 'foreign':
      return new InvalidHandleError(
        'The handle is from another process, or from another copy of freeze-state in this one. A state is shared ' +
          'between the threads of one process: attach it in a worker thread, and load the package from one place.',
      );
    case 'unknown':
      return new InvalidHandleError(`No state of this process ever had the id ${id}; expected what share() gave.`);
    case 'gone':
      return closedError('The state of this handle is gone: the last thread that held it has released it.');
  }
}
