import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import type { FreezeHold } from 'freeze-state';

/** What a caller of `next` gets. */
export interface Delivery {
  readonly headers: Record<string, string>;
  readonly body: Buffer | string;
}

/**
 * Where one caller of `next` parks: its call stays open until there is something to deliver.
 *
 * It takes the response out of fastify's hands, for two reasons: header names keep their capitals, which a runtime in
 * shell may look for, and the end of the connection is seen at once.
 */
export class Parking {
  #call: ServerResponse | undefined;
  /** The connection of the last delivery. */
  #connection: Socket | null | undefined;
  /** Held after a client hangs up without an answer, until it calls again: it is not parked, so it is at work. */
  #absence: FreezeHold | undefined;

  constructor(
    private readonly onParked: () => void,
    private readonly work: () => FreezeHold | undefined,
  ) {}

  get isParked(): boolean {
    return this.#call !== undefined;
  }

  /**
   * Whether the client has hung up since the last delivery. Then nothing tells whether it has read that: the kernel accepts our
   * bytes even for a client that is about to go.
   */
  get hasHungUp(): boolean {
    return this.#connection?.destroyed === true;
  }

  /** A call of `next`. It replaces an earlier one, whose client must have given up, even if we have not noticed that yet. */
  park(reply: FastifyReply): void {
    reply.hijack();
    const call = reply.raw;
    this.#call?.destroy();
    this.#call = call;
    this.#absence?.release();
    call.once('close', () => {
      if (this.#call !== call) return;
      this.#call = undefined;
      this.#absence = this.work();
    });
    this.onParked();
  }

  /** Answers the call of a caller that is parked. */
  deliver(delivery: Delivery): void {
    const call = this.#call;
    this.#call = undefined;
    if (!call) return;
    this.#connection = call.socket;
    call.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(delivery.body),
      ...delivery.headers,
    });
    call.end(delivery.body);
  }
}
