import { expect, it } from 'vitest';
import { modes } from './modes';
import { checkSequences } from './sequences';

// A few, and no more than fit into a second or two; `npm run property` runs as many as one likes.
it.each(modes)('a random sequence of operations in mode %s does what the model says', async (mode) => {
  const { done } = await checkSequences({ mode, count: 300, seed: Date.now() % 2 ** 31, time: 1500 });
  expect(done).toBeGreaterThan(0);
});
