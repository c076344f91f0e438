// @vercel/fun's provider of native processes, with another freeze: of the whole tree, and when the runtime is parked.
import { providers } from '@vercel/fun';
import { Sandbox } from 'freeze-state/sandbox';

export class FreezingProvider extends providers.native {
  #sandboxes = new WeakMap();
  #works = new WeakMap();

  constructor(lambda, params) {
    super(lambda, params);
    // A runtime that has exited in the pool is not lent again.
    this.pool._config.testOnBorrow = true;
    this.pool._factory.validate = ({ exitCode, signalCode }) =>
      Promise.resolve(exitCode === null && signalCode === null);
  }

  async createProcess() {
    const runtime = await super.createProcess();
    const sandbox = new Sandbox({ confirm: { timeout: 10_000 } });
    this.#sandboxes.set(runtime, sandbox);
    this.unfreezeProcess(runtime); // the init phase is work
    sandbox.adopt(runtime);
    const server = this.runtimeApis.get(runtime);
    runtime.once('exit', () => {
      // Whoever waits for its `next` would wait for ever.
      server.nextDeferred?.promise.catch(() => {});
      server.nextDeferred?.reject(new Error('The runtime has exited'));
    });
    return runtime;
  }

  unfreezeProcess(runtime) {
    this.#works.set(runtime, this.#sandboxes.get(runtime).work({ until: runtime }));
  }

  /** It has answered. It is frozen when it is parked, unless work has come by then. */
  freezeProcess(runtime) {
    const work = this.#works.get(runtime);
    const parked = this.runtimeApis.get(runtime)?.nextDeferred?.promise;
    Promise.resolve(parked)
      .finally(() => work.release())
      .catch(() => {});
  }

  async destroyProcess(runtime) {
    await this.#sandboxes.get(runtime).terminate();
  }
}

providers.freezing = FreezingProvider;
