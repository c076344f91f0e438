// A contestant that is a process of its own: it measures, and tells the trial. What is a setting of a whole process, such as the
// flags of SIGCHLD, is then that of one contestant, and each event loop has the work of one alone.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Contestant } from './measure.mjs';

type Figures = Record<string, number>;

/** The trial's side of it. The process ends with the trial, in whatever way that ends. */
export class Peer implements Contestant {
  readonly name: string;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
  }

  /** Starts the program, which calls {@link answer}, and waits until it is ready. */
  static async start(name: string, program: string, args: readonly string[], env: object = {}): Promise<Peer> {
    const child = fork(program, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    });
    const peer = new Peer(name, child);
    await peer.#nextMessage();
    return peer;
  }

  /** Has it take a sample: of the kind that it calls so. */
  async sample(kind = ''): Promise<Figures> {
    const figures = this.#nextMessage();
    this.#child.send(kind);
    return await figures;
  }

  /** The same as a contestant of another kind of sample. */
  in(kind: string): Contestant {
    return { name: this.name, sample: () => this.sample(kind) };
  }

  /** Resolves when it has ended, and with it what it has started. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await exit;
  }

  #nextMessage(): Promise<Figures> {
    return new Promise((resolve, reject) => {
      const child = this.#child;
      const exited = (code: number | null, signal: string | null): void => {
        reject(new Error(`The process of "${this.name}" ended: ${code ?? signal}.`));
      };
      child.once('exit', exited);
      child.once('message', (figures: Figures) => {
        child.off('exit', exited);
        resolve(figures);
      });
    });
  }
}

/**
 * The program's side of it: takes a sample for each message. `end` is called when the trial has ended or a sample has failed; after
 * it nothing may keep the process alive.
 */
export function answer(sample: (kind: string) => Promise<Figures>, end: () => Promise<void>): void {
  const failed = (error: unknown): void => {
    console.error(error);
    process.exitCode = 1;
    process.disconnect();
  };
  process.on('message', (kind: string) => {
    sample(kind).then((figures) => process.send?.(figures), failed);
  });
  process.once('disconnect', () => void end());
  // Ctrl-C is for the trial, whose end is told by the channel.
  process.on('SIGINT', () => undefined);
  process.send?.({});
}
