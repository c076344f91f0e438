// A plain JavaScript port of the crate's FreezeState, by the shape of its algorithm: check the epoch, then raise a flag, then
// signal; and thaw in the same three steps. It is here to be wrong: the stress test shows its rate of disagreements beside
// ours, so that the test is known to see them.
export class PortedOriginal {
  #epoch;
  #flag;
  #pids;

  /** @param {SharedArrayBuffer} memory 8 bytes  @param {number[]} pids */
  constructor(memory, pids) {
    this.#epoch = new Int32Array(memory, 0, 1);
    this.#flag = new Int32Array(memory, 4, 1);
    this.#pids = pids;
  }

  get currentEpoch() {
    return Atomics.load(this.#epoch, 0);
  }

  get isFrozen() {
    return Atomics.load(this.#flag, 0) === 1;
  }

  freezeAtEpoch(epoch) {
    if (Atomics.load(this.#epoch, 0) !== epoch) return false;
    if (Atomics.compareExchange(this.#flag, 0, 0, 1) !== 0) return true;
    for (const pid of this.#pids) process.kill(pid, 'SIGSTOP');
    return true;
  }

  unfreeze() {
    Atomics.add(this.#epoch, 0, 1);
    if (Atomics.exchange(this.#flag, 0, 0) === 0) return;
    for (const pid of this.#pids) process.kill(pid, 'SIGCONT');
  }

  close() {
    for (const pid of this.#pids) process.kill(pid, 'SIGCONT');
  }
}
