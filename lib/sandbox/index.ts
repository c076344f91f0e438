/**
 * Starts processes, freezes them when there is no work, and ends them: {@link Sandbox}.
 * docs/sandbox.md has all of it.
 *
 * @module freeze-state/sandbox
 */
import { loadForThisMachine } from '../load-here';

loadForThisMachine();

export * from './api';
