import { defaultMemoryMb } from './config';
import type { LogEntry } from './log';

/** An invocation from its delivery until everyone is parked again. */
interface Running {
  readonly requestId: string;
  readonly deliveredUs: number;
  isAnswered: boolean;
}

/**
 * The lines START, END and REPORT of a function's log, made from the log of its sandbox.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
 *
 * `Duration` ends when everyone is parked again, extensions too. `Billed Duration` includes the init. How much memory was used is
 * not known, and not written.
 */
export class Report {
  #running: Running | undefined;
  /** The length of the init, until the first invocation has reported it. */
  #initUs: number | undefined;
  #startUs = 0;
  #isReady = false;

  constructor(private readonly print: (line: string) => void) {}

  write(entry: LogEntry): void {
    if (entry.what === 'listen') {
      this.#startUs = entry.atUs;
      this.#isReady = false;
    } else if (entry.what === 'ready') {
      this.#initUs = entry.tookUs;
      this.#isReady = true;
    } else if (entry.what === 'deliver') {
      this.#running = { requestId: entry.requestId, deliveredUs: entry.atUs, isAnswered: false };
      this.print(`START RequestId: ${entry.requestId} Version: $LATEST`);
    } else if (entry.what === 'response' || entry.what === 'error') {
      this.#answered();
    } else if (entry.what === 'parked') {
      this.#parked(entry.tookUs);
    } else if (entry.what === 'fail') {
      this.#failed(entry.errorType, entry.atUs);
    }
  }

  #answered(): void {
    const running = this.#running;
    if (running === undefined || running.isAnswered) return;
    running.isAnswered = true;
    this.print(`END RequestId: ${running.requestId}`);
  }

  #parked(tookUs: number, status: readonly string[] = []): void {
    const { requestId } = this.#running as Running;
    const initUs = this.#initUs ?? 0;
    this.#running = undefined;
    this.#initUs = undefined;
    const billed = `Billed Duration: ${Math.ceil((tookUs + initUs) / 1000)} ms`;
    const memory = `Memory Size: ${defaultMemoryMb} MB`;
    const init = initUs === 0 ? [] : [`Init Duration: ${ms(initUs)}`];
    const fields = [`Duration: ${ms(tookUs)}`, billed, memory, ...init, ...status];
    this.print([`REPORT RequestId: ${requestId}`, ...fields].join('\t'));
  }

  /** The sandbox has failed: in an invocation, in its init, or while it was idle. Of the last, Lambda writes nothing. */
  #failed(errorType: string, atUs: number): void {
    const status =
      errorType === 'Sandbox.Timedout' ? ['Status: timeout'] : ['Status: error', `Error Type: ${errorType}`];
    if (this.#running !== undefined) {
      this.#answered();
      this.#parked(atUs - this.#running.deliveredUs, status);
    } else if (!this.#isReady) {
      this.print([`INIT_REPORT Init Duration: ${ms(atUs - this.#startUs)}`, 'Phase: init', ...status].join('\t'));
    }
  }
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(2)} ms`;
}
