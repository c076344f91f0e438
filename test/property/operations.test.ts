import { expect, it } from 'vitest';
import { modes } from './modes';
import { checkSequences } from './sequences';

// A few, and no more than take a second or two; `npm run property` runs as many as one likes.
it.each(modes)('a random sequence of operations in mode %s does what the model says', async (mode) => {
  const count = 25;
  const { done, overloaded } = await checkSequences({ mode, count, seed: Date.now() % 2 ** 31 });
  expect(done + overloaded).toBe(count);
});
