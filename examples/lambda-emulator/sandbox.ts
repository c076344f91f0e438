import { EventEmitter, once } from 'node:events';
import type { Server } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type ProcessSpec, type SandboxConfig, withDefaults } from './config';
import { extensionEnvironment, runtimeEnvironment } from './environment';
import { ApiError, SandboxError, type ShutdownReason } from './errors';
import { type Extension, ExtensionRegistry } from './extensions';
import { extensionsApi, telemetryStub } from './extensions-api';
import { createServer, listen, maxPayload } from './http';
import { Invocation, type InvocationContext, type InvocationResult } from './invocation';
import { type Happening, nowUs } from './log';
import { Members } from './members';
import { Parking } from './parking';
import type { SandboxProcess } from './processes';
import { runtimeApi } from './runtime-api';

/**
 * For so many milliseconds, a process that died of a terminal's signal is taken for one that Ctrl-C has ended. The kernel signals
 * the processes of a group one by one, the newest first, so an exit can reach us before our own signal does.
 */
const terminalMs = 1_000;

/**
 * One Lambda sandbox: a runtime and its extensions, which are frozen whenever all of them are parked on `next` and no
 * event is queued.
 */
export class LambdaSandbox {
  readonly config: SandboxConfig;
  readonly extensions = new ExtensionRegistry();
  readonly #server: FastifyInstance = createServer();
  readonly #members: Members;
  readonly #extensionProcesses: SandboxProcess[] = [];
  #runtimeProcess: SandboxProcess | undefined;
  readonly #runtime = new Parking(
    () => this.#runtimeParked(),
    () => this.#members.work('the runtime has left its next'),
  );
  #isReady = false;
  readonly #queue: Invocation[] = [];
  /** What the sandbox works on, from its delivery until everyone is parked again. */
  #current: Invocation | undefined;
  #deadline: NodeJS.Timeout | undefined;
  readonly #changes = new EventEmitter();
  readonly #over = new AbortController();
  #shutdown: { event: object; end: Promise<void> } | undefined;
  /** Who gets the SHUTDOWN event as soon as it parks. It is empty until the runtime has ended, and each gets the event once. */
  readonly #untold = new Set<Extension>();

  constructor(config: Parameters<typeof withDefaults>[0]) {
    this.config = withDefaults(config);
    this.#members = new Members(
      this.config.freeze,
      this.config.graceMs,
      this.config.onLog && ((happening, atUs) => this.#log(happening, atUs)),
      (error) => this.#fail(new SandboxError('Sandbox.FreezeError', String(error))),
    );
    void this.#server.register(runtimeApi(this), { prefix: '/2018-06-01/runtime' });
    void this.#server.register(extensionsApi(this), { prefix: '/2020-01-01/extension' });
    void this.#server.register(telemetryStub);
    // Each waiter adds a listener, so many of them are no sign of a leak.
    this.#changes.setMaxListeners(0);
  }

  /**
   * Aborts when there will be no more invocations: the sandbox failed, or was stopped. Its reason is a
   * {@link SandboxError}. A sandbox that failed still has to be ended by {@link stop}.
   */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Whether the init was completed. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** The HTTP server of both APIs. */
  get server(): Server {
    return this.#server.server;
  }

  /** The processes that were started and live. */
  get pids(): number[] {
    return this.#members.pids;
  }

  /** The init phase, in Lambda's order: the extensions start and register, then the runtime starts, then everyone parks. */
  async start(): Promise<void> {
    const { runtime, extensions, port, initTimeoutMs } = this.config;
    const startUs = nowUs();
    const init = this.#members.work('init');
    const late = setTimeout(() => this.#timedOut('Init', initTimeoutMs), initTimeoutMs);
    try {
      const api = await listen(this.#server, port, '--port');
      this.#log({ what: 'listen', api });

      const environment = extensionEnvironment(this.config, api);
      for (const spec of extensions) {
        this.#extensionProcesses.push(this.#spawn(spec, environment, 'Extension.Crash'));
      }
      await this.#until(() => this.extensions.all.length >= extensions.length);

      this.extensions.phase = 'internal';
      this.#runtimeProcess = this.#spawn(runtime, runtimeEnvironment(this.config, api), 'Runtime.ExitError');
      await this.#until(() => this.#everyoneIsParked);
    } finally {
      clearTimeout(late);
      init?.release();
    }
    this.#isReady = true;
    this.#log({ what: 'ready', tookUs: nowUs() - startUs });
    this.#proceed();
  }

  /**
   * An event arrives. It is delivered at once if the sandbox is idle, or else after those before it. Resolves with the response;
   * rejects with a {@link SandboxError} if the sandbox fails before there is one.
   */
  invoke(event: Buffer | string, context: InvocationContext = {}): Promise<InvocationResult> {
    return this.run(new Invocation(Buffer.from(event), context));
  }

  /** The same, for an event that already has an id. */
  async run(invocation: Invocation): Promise<InvocationResult> {
    if (invocation.event.length > maxPayload) {
      throw new RangeError(`the event has ${invocation.event.length} bytes: at most ${maxPayload} are possible`);
    }
    invocation.hold = this.#members.work(`event ${invocation.requestId}`);
    this.#queue.push(invocation);
    this.#proceed();
    await this.#until(() => invocation.result !== undefined);
    return invocation.result as InvocationResult;
  }

  /** Resolves when nothing is queued and everyone is parked. */
  async idle(): Promise<void> {
    await this.#until(() => this.#isReady && !this.#current && this.#queue.length === 0);
  }

  /**
   * Thaws and ends everything: the runtime by SIGTERM, the extensions by their SHUTDOWN event, and what is left by SIGKILL,
   * with all that they have started. How long they have to end depends on the extensions that have registered: without any
   * there is no time, and no SIGTERM. Called again, it waits for the same end.
   */
  stop(reason: ShutdownReason = 'spindown'): Promise<void> {
    const deadlineMs = Date.now() + this.extensions.shutdownTimes.allMs;
    this.#shutdown ??= {
      event: { eventType: 'SHUTDOWN', deadlineMs, shutdownReason: reason },
      end: Promise.resolve().then(() => this.#end(reason)),
    };
    this.#over.abort(new SandboxError('Sandbox.Stopped', 'The sandbox was stopped'));
    return this.#shutdown.end;
  }

  /** Ends everything now, without asking. A stopped process dies of it too. */
  kill(): void {
    this.#members.kill();
  }

  // What the two APIs call.

  runtimeNext(reply: FastifyReply): void {
    if (this.#isAtWork && !this.#runtime.hasHungUp) {
      throw new ApiError(403, 'InvalidStateTransition', 'The invocation before has not been answered yet');
    }
    this.extensions.phase = 'closed';
    this.#runtime.park(reply);
  }

  /** The invocation that the runtime works on, if that is its id. */
  unansweredInvocation(requestId: string): Invocation {
    const invocation = this.#current;
    if (!invocation || invocation.requestId !== requestId || invocation.result) {
      throw new ApiError(400, 'InvalidRequestID', 'Invalid request ID');
    }
    return invocation;
  }

  answer(invocation: Invocation, isError: boolean, body: Buffer): void {
    const { requestId, deliveredUs } = invocation;
    invocation.result = { requestId, isError, body };
    const what = isError ? 'error' : 'response';
    this.#log({ what, requestId, bytes: body.length, tookUs: nowUs() - deliveredUs });
    this.#changes.emit('change');
  }

  runtimeInitFailed(error: SandboxError): void {
    if (this.extensions.phase === 'closed') throw new ApiError(403, 'InvalidStateTransition', 'The init is over');
    this.#fail(error);
  }

  register(name: string | undefined, body: Buffer): Extension {
    const parking = new Parking(
      () => this.#extensionParked(extension),
      () => this.#members.work(`${extension.name} has left its next`),
    );
    const extension = this.extensions.register(name, body, parking);
    this.#log({ what: 'register', name: extension.name, events: [...extension.events].join(',') });
    this.#changes.emit('change');
    return extension;
  }

  extensionFailed({ name }: Extension, phase: 'init' | 'exit', errorType: string): void {
    if (phase === 'init' && this.#isReady) {
      throw new ApiError(403, 'Extension.InvalidExtensionState', 'The init is over');
    }
    const type = phase === 'init' ? 'Extension.InitError' : 'Extension.ExitError';
    this.#fail(new SandboxError(type, this.#withRequest(`${name} reported ${errorType}`)));
  }

  /** Whether the runtime has an event that it has not answered. */
  get #isAtWork(): boolean {
    return this.#current !== undefined && this.#current.result === undefined;
  }

  #runtimeParked(): void {
    // It asks again because its client was cut off: the event may have been lost with it.
    if (this.#current && this.#isAtWork) this.#runtime.deliver(this.#current.forRuntime(this.config));
    else this.#proceed();
  }

  #extensionParked(extension: Extension): void {
    if (this.#shutdown && this.#untold.delete(extension)) extension.deliver(this.#shutdown.event);
    else this.#proceed();
  }

  // The one place that decides what comes next.

  #proceed(): void {
    this.#changes.emit('change');
    if (!this.#isReady || !this.#everyoneIsParked || this.signal.aborted) return;
    if (this.#current) this.#finish(this.#current);
    const next = this.#queue.shift();
    if (next) this.#deliver(next);
  }

  get #everyoneIsParked(): boolean {
    return this.#runtime.isParked && this.extensions.all.every(({ parking }) => parking.isParked);
  }

  #deliver(invocation: Invocation): void {
    const { timeoutMs } = this.config;
    this.#current = invocation;
    invocation.deliveredUs = nowUs();
    invocation.deadlineMs = Date.now() + timeoutMs;
    this.#deadline = setTimeout(() => this.#timedOut('Task', timeoutMs), timeoutMs);
    this.#log({ what: 'deliver', requestId: invocation.requestId, bytes: invocation.event.length });
    for (const extension of this.extensions.all) {
      if (extension.events.has('INVOKE')) extension.deliver(invocation.forExtensions(this.config));
    }
    this.#runtime.deliver(invocation.forRuntime(this.config));
  }

  #finish({ requestId, deliveredUs, hold }: Invocation): void {
    clearTimeout(this.#deadline);
    this.#current = undefined;
    hold?.release();
    this.#log({ what: 'parked', requestId, tookUs: nowUs() - deliveredUs });
  }

  // Its processes, its failure and its end.

  #spawn(spec: ProcessSpec, environment: NodeJS.ProcessEnv, errorType: string): SandboxProcess {
    this.signal.throwIfAborted();
    const member = this.#members.spawn(spec, environment);
    member.onExit(() => {
      this.#log({ what: 'exit', name: member.name, how: member.howItEnded });
      this.#changes.emit('change');
      const error = new SandboxError(errorType, this.#withRequest(`${member.name} exited: ${member.howItEnded}`));
      if (member.diedOfTerminal) setTimeout(() => this.#fail(error), terminalMs).unref();
      else this.#fail(error);
    });
    this.#log({ what: 'start', name: member.name, pid: member.pid });
    return member;
  }

  #timedOut(what: 'Init' | 'Task', ms: number): void {
    const message = `${what} timed out after ${(ms / 1000).toFixed(2)} seconds`;
    this.#fail(new SandboxError('Sandbox.Timedout', this.#withRequest(message)));
  }

  /** Lambda's way to say which invocation an error belongs to. */
  #withRequest(message: string): string {
    return this.#current ? `RequestId: ${this.#current.requestId} Error: ${message}` : message;
  }

  /** Only the first failure is the reason. What follows from it, or from the shutdown, is ignored. */
  #fail(error: SandboxError): void {
    if (this.signal.aborted) return;
    this.#log({ what: 'fail', errorType: error.errorType, message: error.message });
    this.#over.abort(error);
    this.#members.thawForGood();
  }

  async #end(reason: ShutdownReason): Promise<void> {
    clearTimeout(this.#deadline);
    this.#log({ what: 'shutdown', reason });
    this.#members.thawForGood();
    for (const invocation of [this.#current, ...this.#queue]) invocation?.hold?.release();

    const { runtimeMs, allMs } = this.extensions.shutdownTimes;
    const over = AbortSignal.timeout(allMs);
    if (runtimeMs > 0) await this.#runtimeProcess?.end(runtimeMs);
    const living = this.#extensionProcesses.filter(({ hasExited }) => !hasExited);
    const subscribed = this.extensions.all.filter(({ events }) => events.has('SHUTDOWN'));
    for (const extension of subscribed) {
      this.#untold.add(extension);
      if (extension.parking.isParked) this.#extensionParked(extension);
    }
    // It is not known which process registered under which name, but how many will exit by themselves. One that had exited before
    // is none of them.
    const willExit = Math.min(subscribed.length, living.length);
    const ended = () => living.filter(({ hasExited }) => hasExited).length >= willExit;
    await this.#until(ended, over).catch(() => {});
    await this.#members.terminate();
    await this.#server.close();
  }

  /** Waits for a condition on the fields of this class. Each change of them emits an event. */
  async #until(condition: () => boolean, signal = this.signal): Promise<void> {
    while (!condition()) {
      signal.throwIfAborted();
      await once(this.#changes, 'change', { signal }).catch(() => {});
    }
  }

  #log(happening: Happening, atUs = nowUs()): void {
    this.config.onLog?.({ ...happening, atUs, states: this.#members.states });
  }
}
