/**
 * A place in a ring of links; alone, a ring of itself. What is kept in order and taken out from anywhere derives from it,
 * and a plain link is the ring's head. Taking a wait out of a `Set` cost several times what else is done to end it; so
 * would private fields.
 */
export class Link {
  /** @internal */
  previous: Link = this;
  /** @internal Set by this file only. */
  next: Link = this;

  get isAlone(): boolean {
    return this.next === this;
  }

  /** Puts `link`, which is alone, in front of this one: at the end, where this one is the head. */
  insert(link: Link): void {
    link.previous = this.previous;
    link.next = this;
    this.previous.next = link;
    this.previous = link;
  }

  /** Leaves the ring; alone, it stays alone. */
  leave(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
  }
}
