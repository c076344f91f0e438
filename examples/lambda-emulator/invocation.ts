import { randomBytes, randomUUID } from 'node:crypto';
import type { FreezeHold } from 'freeze-state';
import { functionArn, type SandboxConfig } from './config';
import type { Delivery } from './parking';

/** What came back for an event. */
export interface InvocationResult {
  readonly requestId: string;
  /** Whether the function failed; then the body is `{ errorType, errorMessage, ... }`. */
  readonly isError: boolean;
  /** The runtime's bytes as they are: JSON as a rule, but nothing makes a runtime send JSON. */
  readonly body: Buffer;
}

/** What goes along with an event that was sent from a mobile SDK. */
export interface InvocationContext {
  readonly clientContext?: string;
  readonly cognitoIdentity?: string;
}

/** One event on its way through the sandbox. */
export class Invocation {
  readonly requestId: string = randomUUID();
  readonly traceId = newTraceId();
  deliveredUs = 0;
  deadlineMs = 0;
  result: InvocationResult | undefined;
  /** From its arrival until everyone is parked again. */
  hold: FreezeHold | undefined;

  constructor(
    readonly event: Buffer,
    readonly context: InvocationContext,
  ) {}

  /** The answer to the runtime's `next`. */
  forRuntime(config: SandboxConfig): Delivery {
    const { clientContext, cognitoIdentity } = this.context;
    const headers = {
      'Lambda-Runtime-Aws-Request-Id': this.requestId,
      'Lambda-Runtime-Deadline-Ms': String(this.deadlineMs),
      'Lambda-Runtime-Invoked-Function-Arn': functionArn(config),
      'Lambda-Runtime-Trace-Id': this.traceId,
      ...(clientContext && { 'Lambda-Runtime-Client-Context': clientContext }),
      ...(cognitoIdentity && { 'Lambda-Runtime-Cognito-Identity': cognitoIdentity }),
    };
    return { headers, body: this.event };
  }

  /** The event of the extensions. */
  forExtensions(config: SandboxConfig): object {
    return {
      eventType: 'INVOKE',
      deadlineMs: this.deadlineMs,
      requestId: this.requestId,
      invokedFunctionArn: functionArn(config),
      tracing: { type: 'X-Amzn-Trace-Id', value: this.traceId },
    };
  }
}

/** An X-Ray tracing header: a root that begins with the time, and a parent. */
function newTraceId(): string {
  const seconds = Math.floor(Date.now() / 1000).toString(16);
  return `Root=1-${seconds}-${randomBytes(12).toString('hex')};Parent=${randomBytes(8).toString('hex')};Sampled=1`;
}
