import { spawnSync } from 'node:child_process';
import { cgroupMount } from './proc';

/** unshare(1), which needs to be root: a plain user is, in a user namespace. */
export const unshare: readonly [string, ...string[]] =
  process.geteuid?.() === 0 ? ['unshare'] : ['unshare', '--user', '--map-root-user'];

/** Runs a program in a pid namespace of its own, whose next pid can be chosen: there a pid is reused for certain. */
export const inPidNamespace = [...unshare, '--pid', '--fork', '--mount-proc', '--kill-child'] as const;

export const canMakePidNamespace = spawnSync(inPidNamespace[0], [...inPidNamespace.slice(1), 'true']).status === 0;

/** With the words of unshare(1) for a time namespace, in which the machine was started long ago. */
export const inTimeNamespace = [...unshare, '--time', '--boottime', '100000', '--fork', '--kill-child'] as const;

export const canMakeTimeNamespace = spawnSync(inTimeNamespace[0], [...inTimeNamespace.slice(1), 'true']).status === 0;

/** Not by a plain user, in whose user namespace the control groups are not its own. */
export const canMakeCgroupNamespace = spawnSync('unshare', ['--cgroup', 'true']).status === 0;

/** Runs a program in a mount namespace of its own, after this command of the shell. */
export const afterMounting = (command: string): string[] => [
  ...unshare,
  '--mount',
  'sh',
  '-c',
  `${command} && exec "$@"`,
  '-',
];

/** Not by a plain user: what is mounted outside of a user namespace stays in sight in it (mount_namespaces(7)). */
export const canHideCgroups = ((): boolean => {
  const [command = '', ...args] = afterMounting(`umount ${cgroupMount()}`);
  return spawnSync(command, [...args, 'true']).status === 0;
})();

/** Runs a program in a pid namespace of its own, with the /proc of the one outside. */
export const underForeignProc = [...unshare, '--pid', '--fork', '--kill-child'] as const;

/** Not by a plain user: what is mounted outside of a user namespace stays in sight in it (mount_namespaces(7)). */
export const canHideProc = ((): boolean => {
  const [command = '', ...args] = afterMounting('umount -l /proc');
  return spawnSync(command, [...args, 'true']).status === 0;
})();

/** Of a file system on which no program may be executed. */
export const canMountNoexec = ((): boolean => {
  const [command = '', ...args] = afterMounting('mount -t tmpfs -o noexec none /mnt');
  return spawnSync(command, [...args, 'true']).status === 0;
})();
