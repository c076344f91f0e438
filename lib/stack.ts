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
