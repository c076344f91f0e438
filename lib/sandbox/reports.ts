import { randomInt } from 'node:crypto';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { clock } from '../clock';
import { openReportPipe, type ReportPipe } from '../joiner';

/** What a joiner reports: that it has joined or has our answer, that it could not join, or that it could not execute its program. */
export interface Report {
  readonly what: 'in' | 'join' | 'exec';
  /** errno(3), positive; 0 for `in`. */
  readonly errno: number;
}

interface Listener {
  readonly tell: (report: Report) => void;
  readonly hasEnded: () => boolean;
}

/** A line as a joiner writes it. No errno(3) has more than four digits. */
const pattern = /^(?:in (\d+)|(join|exec) (\d+) ([1-9]\d{0,3}))$/;
/** No report has more characters. */
const longest = 40;
/** Milliseconds between two readings, where a runtime does not tell when there is something to read. */
const interval = 5;
/** When there are so many listeners, those of ended children are dropped. The next limit is twice the number that is left. */
const leastLimit = 64;

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
  readonly #listeners = new Map<number, Listener>();
  #limit = leastLimit;
  #socket: Socket | undefined;
  /** Begins at random, so that a process that could write to the pipe cannot guess the numbers of other children. */
  #lastNumber = randomInt(2 ** 47);
  /** The beginning of a report whose end has not been read yet. */
  #rest = '';
  /** Reports that have been read, and that their listeners have not been told of yet. */
  #untold: { readonly number: number; readonly report: Report }[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Children that have not reported, or still ask, where somebody has to look. */
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
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk.toString('latin1'));
      this.#tell();
    });
    // Not expected of a pipe. The children that wait for an answer would wait for ever.
    socket.on('error', () => {
      this.#socket = undefined;
      for (const number of this.#listeners.keys()) this.#silent.add(number);
      this.#poll();
    });
    socket.unref();
  }

  /** The end to write to, for a child to inherit. */
  get writer(): number {
    return this.pipe.writer();
  }

  /** A number for the next joiner. */
  next(): number {
    if (this.#listeners.size >= this.#limit) {
      this.#dropEnded();
      this.#limit = Math.max(leastLimit, 2 * this.#listeners.size);
    }
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  /**
   * Calls back with what the joiner of this number reports, until `forget`.
   *
   * @param hasEnded whether its child has exited, for one whose listener for that was removed, so that `forget` is not called.
   */
  listen(number: number, tell: Listener['tell'], hasEnded: Listener['hasEnded']): void {
    this.#listeners.set(number, { tell, hasEnded });
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
    if (this.#users === 0) this.#dropEnded();
    this.#closeIfUnused();
  }

  /** Takes now what has been reported until now. */
  read(): void {
    this.#receive();
    this.#tell();
  }

  /**
   * For the exit of a child: takes now what that child has reported. What others have reported is for a later turn. Node reaps all
   * children that have exited before it tells of the first, so the pid of another one may be that of a new process already.
   */
  readOf(number: number): void {
    this.#receive();
    this.#tell(number);
    if (this.#untold.length > 0) clock.setImmediate(() => this.#tell());
  }

  #receive(): void {
    for (let text = this.pipe.read(); text !== ''; text = this.pipe.read()) this.#take(text);
  }

  #dropEnded(): void {
    for (const [number, { hasEnded }] of this.#listeners) {
      if (!hasEnded()) continue;
      this.readOf(number);
      this.#listeners.delete(number);
      this.#silent.delete(number);
    }
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
      const [, joined, what = 'in', failed, errno = 0] = pattern.exec(line) ?? [];
      const number = Number(joined ?? failed);
      const report = { what: what as Report['what'], errno: Number(errno) };
      if (this.#listeners.has(number)) this.#untold.push({ number, report });
    }
  }

  /** Tells the listeners, or that of one number. If one throws, the others are told all the same. */
  #tell(only?: number): void {
    const isMeant = ({ number }: { readonly number: number }): boolean => only === undefined || number === only;
    const told = this.#untold.filter(isMeant);
    this.#untold = this.#untold.filter((one) => !isMeant(one));
    for (const { number, report } of told) {
      // It may ask again until it has the answer.
      if (report.what !== 'join') this.#silent.delete(number);
      try {
        this.#listeners.get(number)?.tell(report);
      } catch (error) {
        clock.nextTick(() => {
          throw error;
        });
      }
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
