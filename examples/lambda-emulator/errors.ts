/** A value on the command line that is not what it should be. The message names it and says what would be right. */
export class UsageError extends Error {}

/** An answer of one of the APIs that is not a success, in the shape that AWS gives it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly errorType: string,
    message: string,
  ) {
    super(message);
  }
}

/** Why a sandbox ends. */
export type ShutdownReason = 'spindown' | 'timeout' | 'failure';

/**
 * An error as Lambda reports it to its caller: what a function said of its failure, or why a sandbox has failed. Then a process
 * died, the init failed, or a deadline passed.
 */
export class SandboxError extends Error {
  constructor(
    /** As Lambda names it: `Runtime.ExitError`, `Extension.Crash`, `Sandbox.Timedout`, or what the runtime said. */
    readonly errorType: string,
    message: string,
    /** What else the runtime said, a trace as a rule. */
    readonly details: object = {},
  ) {
    super(message);
  }

  /** What Lambda tells the extensions in their SHUTDOWN event. */
  get shutdownReason(): ShutdownReason {
    return this.errorType === 'Sandbox.Timedout' ? 'timeout' : 'failure';
  }

  /** The payload that Lambda gives its caller. */
  toJSON(): object {
    return { errorType: this.errorType, errorMessage: this.message, ...this.details };
  }
}
