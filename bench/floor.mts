import { createRequire } from 'node:module';

/** What bench/native/floor.cpp exports: the least that each thing can cost. */
export interface Floor {
  compare(value: number): boolean;
  empty(): undefined;
  killAll(pids: readonly number[], signal: number): void;
  awaitStopped(pids: readonly number[]): void;
  resetChildNotices(): void;
  currentVersion(): number;
  awaitVersion(seen: number): void;
  notifyVersion(): void;
  listenBare(callback: () => void): void;
  callBare(): void;
  releaseBare(): void;
}

export const floor = createRequire(import.meta.url)('./native/build/Release/floor.node') as Floor;
