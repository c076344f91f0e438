/**
 * How often a test provokes a race: `all` times in `npm run stress`, which sets FREEZE_STATE_ALL_ROUNDS; otherwise `some`
 * times, as a taste of it on every run of the tests.
 */
export function rounds({ some, all }: { some: number; all: number }): number {
  return process.env['FREEZE_STATE_ALL_ROUNDS'] ? all : some;
}
