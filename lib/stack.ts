/** A public function. The stack of an error starts below its frame, at its caller. */
export type Callee = CallableFunction | NewableFunction;

/** The public function that this thread is in. */
let current: Callee | undefined;

/**
 * Calls `body` for a public function. Until it returns, or awaits for the first time, `below` and `callersOf` know which
 * function that is, and nothing in between has to.
 */
export function inside<T>(callee: Callee, body: () => T): T {
  // A getter of the options, or an iterator of pids, may call a public function as well.
  const outer = current;
  current = callee;
  try {
    return body();
  } finally {
    current = outer;
  }
}

/** The same for a public function that returns a promise: what its call throws becomes a rejection. */
export function promised<T>(callee: Callee, body: () => Promise<T>): Promise<T> {
  try {
    return inside(callee, body);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Makes the error's stack start at the caller of a public function: of `callee`, or else of the one that we are inside. */
export function below<E extends Error>(error: E, callee = current): E {
  Error.captureStackTrace(error, callee as () => void);
  return error;
}

/** The method, or the getter's function, that a class has by this name. */
export function memberOf(prototype: object, member: PropertyKey): Callee {
  const property = Object.getOwnPropertyDescriptor(prototype, member);
  return property?.get ?? property?.value;
}

/** Where the public function was called, for an error that is made later, when nothing of the caller is on the stack. */
export interface Callers {
  stack?: string;
}

/**
 * @param resumed the asynchronous function that goes on after an `await`, when this thread is in no public function. Then the
 *   callers are those that await its promise, as far as V8 knows them.
 */
export function callersOf(resumed?: Callee): Callers {
  const callers: Callers = {};
  Error.captureStackTrace(callers, (current ?? resumed) as () => void);
  return callers;
}

/** Gives the error the stack of a call that was made earlier. */
export function calledBy<E extends Error>(error: E, callers: Callers): E {
  const frames = String(callers.stack).split('\n').slice(1);
  const stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  Object.defineProperty(error, 'stack', { value: stack, writable: true, configurable: true });
  return error;
}
