import type { FreezeSnapshot } from './types';

/**
 * The state as native code hands it over, in one number that is exact for every epoch: the epoch while running, and
 * `-1 - epoch` while frozen. native/core/word.h has the two functions' counterparts.
 */
export type Word = number;

export function wordOf({ epoch, isFrozen }: FreezeSnapshot): Word {
  return isFrozen ? -1 - epoch : epoch;
}

export function epochOf(word: Word): number {
  return word < 0 ? -1 - word : word;
}

export function isFrozen(word: Word): boolean {
  return word < 0;
}

export function snapshotOf(word: Word): FreezeSnapshot {
  // By no other call: a waiter that is woken waits for this, too.
  return word < 0 ? { epoch: -1 - word, isFrozen: true } : { epoch: word, isFrozen: false };
}

/** Whether a value is an epoch: an integer from 0 to 2^53-1. */
export function isEpoch(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
