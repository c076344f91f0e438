import { getSystemErrorMap, getSystemErrorName } from 'node:util';

/** What the kernel answered. */
export interface SystemAnswer {
  /** errno(3), negative, as in Node: `util.getSystemErrorName(errno)` gives its name. */
  readonly errno: number;
  /** The system call that failed. */
  readonly syscall: string;
}

/** An errno(3), positive, by name, as people look it up. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

/** @param errno positive, as the system has it. */
export function answerOf(errno: number, syscall: string): SystemAnswer {
  return { errno: -errno, syscall };
}

/** The error that Node would make of a call's answer, as the cause of ours. */
export function causedBy(errno: number, syscall: string): ErrorOptions {
  if (errno === 0) return {};
  const code = errnoName(errno);
  const meaning = getSystemErrorMap().get(-errno)?.[1] ?? 'unknown error';
  const cause = Object.assign(new Error(`${code}: ${meaning}, ${syscall}`), { errno: -errno, code, syscall });
  // Where it was made says nothing; the stack of the error around it says where the operation was called.
  cause.stack = String(cause);
  return { cause };
}
