import { describe, expect, it } from 'vitest';
import { guided, type Outcome } from './guided';
import { Random } from './random';

/** Fails for four small numbers alone, and tells how many of them are right from the left. */
function search(variations: number | undefined, most: number): Promise<Outcome<number[]>> {
  const wanted = [7, 31, 2, 44];
  let reached = 0;
  let isMore = false;
  return guided(
    {
      fresh: (random) => Array.from({ length: 6 }, () => random.below(64)),
      mutated: (input, _, random) => input.with(random.below(input.length), random.below(64)),
      shorter: (input) => input.map((_, place) => input.toSpliced(place, 1)),
      run: (input) => {
        let right = 0;
        while (right < wanted.length && input[right] === wanted[right]) right += 1;
        isMore = right > reached;
        reached = Math.max(reached, right);
        if (right === wanted.length) throw new RangeError('found');
      },
      hasReachedMore: () => isMore,
    },
    new Random(1),
    (runs) => runs >= most,
    variations,
  );
}

describe('the search that the fuzzer of arguments makes', () => {
  it('finds step by step what takes several unlikely conditions, and makes it short', async () => {
    const { found, runs } = await search(undefined, 100_000);
    expect(found?.input).toEqual([7, 31, 2, 44]);
    expect(found?.error).toBeInstanceOf(RangeError);
    // Of the 64^4 that there are.
    expect(runs).toBeLessThan(20_000);
  });

  it('does not find it in five times as many inputs that are all new', async () => {
    expect(await search(0, 100_000)).toEqual({ runs: 100_000, kept: expect.any(Number) });
  });
});
