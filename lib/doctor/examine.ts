import { release } from 'node:os';
import { FreezeState, type GuardianCapability, type ModeCapability, type Signalling } from '../index';
import type { ExaminedMode } from './modes';
import { type StoppedProcess, stoppedProcesses } from './stopped';
import { startChild, type Trial, tryMode } from './trial';

/** What was found of one mode: what the capabilities say and, where they say yes, what a trial showed. */
export interface ModeFinding {
  /** Whether a child was frozen and thawed in it. */
  readonly works: boolean;
  /** Names the obstacle: the code of the capability, or of the error that ended the trial. */
  readonly code?: string;
  readonly reason?: string;
  readonly remedy?: string;
  readonly freezeMs?: number;
  readonly thawMs?: number;
}

/** What `freeze-state doctor --json` prints. A field may be added; any other change raises `schemaVersion`. */
export interface Findings {
  readonly schemaVersion: 1;
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly kernel: string;
  /** The effective user; absent where the system has no such numbers. */
  readonly uid?: number;
  readonly modes: Readonly<Partial<Record<ExaminedMode, ModeFinding>>>;
  readonly signalling: Signalling;
  readonly boost: boolean;
  readonly guardian: GuardianCapability;
  /** The processes that are stopped now, by any process; absent where there is no /proc. */
  readonly stopped?: readonly StoppedProcess[];
  /** The mode to take; absent where none works. */
  readonly recommended?: ExaminedMode;
}

/** Freezes and thaws a child in each of the modes. */
export async function examine(version: string, asked: readonly ExaminedMode[]): Promise<Findings> {
  // Before the trials stop children of ours.
  const stopped = stoppedProcesses();
  const found = await tryAll(asked);
  const { signalling, boost, guardian } = FreezeState.capabilities;
  const uid = process.geteuid?.();
  const recommended = asked.find((mode) => found[mode]?.works);
  return {
    schemaVersion: 1,
    version,
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    kernel: release(),
    ...(uid === undefined ? {} : { uid }),
    modes: found,
    signalling,
    boost,
    guardian,
    ...(stopped === undefined ? {} : { stopped }),
    ...(recommended === undefined ? {} : { recommended }),
  };
}

async function tryAll(asked: readonly ExaminedMode[]): Promise<Partial<Record<ExaminedMode, ModeFinding>>> {
  const found: Partial<Record<ExaminedMode, ModeFinding>> = {};
  const child = await startChild();
  try {
    for (const mode of asked) found[mode] = finding(mode, await tryMode(mode, child.pid));
  } finally {
    child.kill('SIGKILL');
  }
  return found;
}

/** An obstacle that the capability knows comes with a remedy, so it is reported in place of the error. */
function finding(mode: ExaminedMode, trial: Trial): ModeFinding {
  const { available, ...obstacle }: ModeCapability = FreezeState.capabilities.modes[mode];
  if (!trial.works && !available) return { works: false, ...obstacle };
  return trial;
}
