/**
 * A link of a doubly linked ring. A link that is alone is a ring of its own. What is kept in order, and may leave from anywhere,
 * derives from it; the head of a ring is a plain link. Taking a wait out of a `Set` cost several times as much as all else that
 * ends it, and so would private fields.
 */
export class Link {
  /** @internal */
  previous: Link = this;
  /** @internal Set by this file only. */
  next: Link = this;

  get isAlone(): boolean {
    return this.next === this;
  }

  /** Inserts `link`, which is alone, before this one. Before the head is the end of the ring. */
  insert(link: Link): void {
    link.previous = this.previous;
    link.next = this;
    this.previous.next = link;
    this.previous = link;
  }

  /** Leaves the ring. A link that is alone stays alone. */
  leave(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
  }
}
