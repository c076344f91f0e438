/** A public function, below whose frame the stack of an error starts: at its caller, that is. */
export type Callee = CallableFunction | NewableFunction;

/** Makes the error's stack start at the caller of `callee`. */
export function below<E extends Error>(error: E, callee: Callee): E {
  Error.captureStackTrace(error, callee as () => void);
  return error;
}

/** The method, or the getter's function, that a class has by this name. */
export function memberOf(prototype: object, member: PropertyKey): Callee {
  const property = Object.getOwnPropertyDescriptor(prototype, member);
  return property?.get ?? property?.value;
}

/** Where a public function was called, for an error that is made later, when nothing of the caller is on the stack. */
export interface Callers {
  stack?: string;
}

export function callersOf(callee: Callee): Callers {
  const callers: Callers = {};
  Error.captureStackTrace(callers, callee as () => void);
  return callers;
}

/** Gives the error the stack of a call that was made earlier. */
export function calledBy<E extends Error>(error: E, callers: Callers): E {
  const frames = String(callers.stack).split('\n').slice(1);
  const stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  Object.defineProperty(error, 'stack', { value: stack, writable: true, configurable: true });
  return error;
}
