/**
 * Freezes and thaws sets of processes: {@link FreezeState}, its options and reports, and the errors that it throws.
 * docs/semantics.md has every operation in detail.
 *
 * @module freeze-state
 */
import { loadForThisMachine } from './load-here';

loadForThisMachine();

export * from './api';
