import { spawnSync } from 'node:child_process';

/** Runs a program in a pid namespace of its own, whose next pid can be chosen: there a pid is reused for certain. */
export const inPidNamespace = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] as const;

export const canMakePidNamespace = spawnSync(inPidNamespace[0], [...inPidNamespace.slice(1), 'true']).status === 0;
