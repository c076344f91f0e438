import { createRequire } from 'node:module';

/** What bench/native/floor.cpp exports: the least that each thing can cost. */
export interface Floor {
  compare(value: number): boolean;
  empty(): undefined;
  killAll(pids: readonly number[], signal: number): void;
  killAllInRealTime(pids: readonly number[], signal: number): void;
  awaitStopped(pids: readonly number[]): void;
  killAndAwait(pids: readonly number[], signal: number): void;
  killAndSee(pids: readonly number[], signal: number): void;
  killGroupsAndSee(groups: readonly number[], signal: number): void;
  awaitText(fds: readonly number[], text: string): void;
  openPidfds(pids: readonly number[]): number[];
  freezeWithChecks(files: readonly number[], pidfds: readonly number[]): void;
  resetChildNotices(areQuiet?: boolean): void;
  currentVersion(): number;
  awaitVersion(seen: number): void;
  notifyVersion(): void;
  currentPolled(): number;
  poll(seen: number): void;
  movePolled(): void;
  listenBare(callback: () => void): void;
  callBare(): void;
  releaseBare(): void;
}

export const floor = createRequire(import.meta.url)('./native/build/Release/floor.node') as Floor;
