import { targetProgram } from './programs';

/** What scripts/test-asan.sh sets. A child without them would load the addon that has no sanitizer. */
const forSanitizers = ['LD_PRELOAD', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'FREEZE_STATE_ADDON'];

/** The whole environment of a Node process that a test runs: what it needs, and nothing by which one machine differs. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const kept = ['PATH', ...forSanitizers].map((name) => [name, process.env[name]]);
  return { ...Object.fromEntries(kept), FREEZE_TEST_TARGET: targetProgram };
}
