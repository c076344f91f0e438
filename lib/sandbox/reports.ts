import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { clock } from '../clock';
import { openReportPipe, type ReportPipe } from '../joiner';

/** What a joiner reports: that it has joined, that it could not, or that it could not execute its program. */
export interface Report {
  readonly what: 'in' | 'join' | 'exec';
  /** errno(3), positive; 0 if it has joined. */
  readonly errno: number;
}

type Tell = (report: Report) => void;

/** No report has more characters. */
const longest = 40;
/** Milliseconds between two readings, where a runtime does not tell when there is something to read. */
const interval = 5;

/**
 * The pipe by which all joiners of this thread report; native/joiner/main.cpp says how. A pipe for each child would make a socket
 * for each, which takes longer than all else that a sandbox adds to a spawn. It is open as long as one of its sandboxes is, or one
 * of its children lives. It does not keep the event loop alive.
 */
export class Reports {
  static #current: Reports | undefined;

  /** For a sandbox, which calls {@link Reports.leave} at its end. `undefined` if no descriptor is left. */
  static join(): Reports | undefined {
    Reports.#current ??= Reports.#open();
    if (Reports.#current !== undefined) Reports.#current.#users += 1;
    return Reports.#current;
  }

  static #open(): Reports | undefined {
    const pipe = openReportPipe();
    if (pipe === undefined) return undefined;
    const reader = pipe.reader();
    if (reader >= 0) return new Reports(pipe, reader);
    pipe.close();
    return undefined;
  }

  /** Sandboxes. They are not referred to: one that is forgotten can be collected. */
  #users = 0;
  readonly #listeners = new Map<number, Tell>();
  readonly #socket: Socket | undefined;
  #lastNumber = 0;
  /** The beginning of a report whose end has not been read yet. */
  #rest = '';
  #timer: NodeJS.Timeout | undefined;
  /** Children that have not reported, where somebody has to look. */
  readonly #silent = new Set<number>();

  private constructor(
    private readonly pipe: ReportPipe,
    reader: number,
  ) {
    const socket = new Socket({ fd: reader, readable: true, writable: false });
    if (socket.pending) {
      // Bun reads no descriptor that it is given.
      closeSync(reader);
      return;
    }
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1')));
    socket.unref();
  }

  /** The end to write to, for a child to inherit. */
  get writer(): number {
    return this.pipe.writer();
  }

  /** A number for the next joiner. */
  next(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  /** Calls back with what the joiner of this number reports, until `forget`. */
  listen(number: number, tell: Tell): void {
    this.#listeners.set(number, tell);
    if (this.#socket !== undefined) return;
    this.#silent.add(number);
    this.#poll();
  }

  /** For the exit of a child. */
  forget(number: number): void {
    this.#listeners.delete(number);
    this.#silent.delete(number);
    this.#closeIfUnused();
  }

  /** For the end of a sandbox. */
  leave(): void {
    this.#users -= 1;
    this.#closeIfUnused();
  }

  /** Takes now what has been reported until now. */
  read(): void {
    for (let text = this.pipe.read(); text !== ''; text = this.pipe.read()) this.#take(text);
  }

  #closeIfUnused(): void {
    if (this.#users > 0 || this.#listeners.size > 0 || Reports.#current !== this) return;
    Reports.#current = undefined;
    this.#socket?.destroy();
    this.pipe.close();
    clock.clearTimeout(this.#timer);
  }

  /** Ignores what is no report of one of ours: another process could have written it. */
  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = (lines.pop() ?? '').slice(-longest);
    for (const line of lines) {
      const [, what, number, errno] = /^(in|join|exec) (\d+)(?: (\d+))?$/.exec(line) ?? [];
      this.#silent.delete(Number(number));
      if (what !== undefined)
        this.#listeners.get(Number(number))?.({ what: what as Report['what'], errno: Number(errno ?? 0) });
    }
  }

  #poll(): void {
    if (this.#silent.size === 0 || this.#timer !== undefined) return;
    this.#timer = clock
      .setTimeout(() => {
        this.#timer = undefined;
        this.read();
        this.#poll();
      }, interval)
      .unref();
  }
}
