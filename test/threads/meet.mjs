/**
 * Neither of two threads passes before both are there; the word counts how many have come, ever. Spins a little, for the
 * two are mostly close, and then sleeps, so that the other has the processor where there is but one.
 */
export function meetAt(words, index) {
  const come = Atomics.add(words, index, 1) + 1;
  const all = come + (come % 2);
  Atomics.notify(words, index);
  for (let spins = 0; ; spins += 1) {
    const now = Atomics.load(words, index);
    if (now >= all) return;
    if (spins > 20_000) Atomics.wait(words, index, now);
  }
}
