/** How often a block has run, in classes: twice is news, 41 times after 40 is none. */
const classOf = Uint8Array.from({ length: 256 }, (_, count) => (count < 4 ? count : 1 + Math.floor(Math.log2(count))));

/** What clang has counted in the binding of an addon that was built for it; see native/test/fuzz/coverage.cpp. */
export class BindingCoverage {
  readonly #counters: Uint8Array;
  readonly #highest: Uint8Array;

  constructor(library: string) {
    const loaded: { exports: unknown } = { exports: {} };
    process.dlopen(loaded as NodeJS.Module, library);
    this.#counters = new Uint8Array(loaded.exports as ArrayBuffer);
    this.#highest = new Uint8Array(this.#counters.length);
  }

  /** Of so many blocks. */
  get size(): number {
    return this.#counters.length;
  }

  get reached(): number {
    return this.#highest.filter((count) => count > 0).length;
  }

  /** Whether some have run that never did, or more often than ever, since the last call. */
  hasGrown(): boolean {
    let isMore = false;
    for (let block = 0; block < this.#counters.length; block += 1) {
      const count = classOf[this.#counters[block] as number] as number;
      if (count <= (this.#highest[block] as number)) continue;
      this.#highest[block] = count;
      isMore = true;
    }
    this.#counters.fill(0);
    return isMore;
  }
}
