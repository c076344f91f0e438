import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const tarballTests = 'test/package/tarball/**/*.test.ts';

export default defineConfig({
  // The tests import the package by its name and get the build that would be shipped.
  resolve: {
    alias: [
      { find: /^freeze-state$/, replacement: fileURLToPath(new URL('./dist/index.js', import.meta.url)) },
      { find: 'freeze-state/sandbox', replacement: fileURLToPath(new URL('./dist/sandbox/index.js', import.meta.url)) },
    ],
  },
  test: {
    pool: 'forks',
    // Every test is to pass beside other work (npm run test:repeat). Two files are enough for that, and almost halve the time
    // on two processors; more would only be slower there.
    maxWorkers: 2,
    // So that a message shows the values; the JSON report, which .ci/run shows the failures of, has no more than that.
    chaiConfig: { truncateThreshold: 2000 },
    projects: [
      {
        extends: true,
        test: {
          name: 'tree',
          include: ['test/**/*.test.ts'],
          exclude: [tarballTests],
          globalSetup: ['test/emulator/compile.ts'],
          // It ends a test that hangs, and no test is to rely on it. On one processor with other work a test that takes
          // 3 s by itself was seen to take 40.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        // One of them fails, to show what it catches: test/docs/testing.test.ts runs them.
        test: { name: 'examples', include: ['examples/**/*.test.ts'], testTimeout: 120_000 },
      },
      {
        extends: true,
        test: {
          name: 'tarball',
          include: [tarballTests],
          globalSetup: ['test/package/tarball/pack.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
