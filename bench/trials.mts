import type { Findings } from './findings.mjs';

/** What one trial found, and how long it took. */
export interface Trial extends Findings {
  readonly name: string;
  readonly seconds: number;
}

/** What `npm run bench -- --json FILE` writes. */
export interface Trials {
  readonly schemaVersion: 1;
  readonly date: string;
  /** Whether its figures are no measurement. */
  readonly quick: boolean;
  /** Of the code that was measured: `git rev-parse HEAD`, and whether files differed from it. Not where git does not tell. */
  readonly commit?: { readonly id: string; readonly isChanged: boolean };
  readonly machine: Readonly<Record<'processors' | 'system' | 'node' | 'user', string>>;
  readonly trials: readonly Trial[];
}
