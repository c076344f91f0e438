import { spawnSync } from 'node:child_process';
import type { FreezeMode } from 'freeze-state';
import { afterMounting } from '../helpers/namespaces';
import type { NodeOptions } from '../helpers/node';
import { cgroupMount } from '../helpers/proc';
import { canBecomeNobody, nobody } from '../helpers/processes';
import { launchProgram } from '../helpers/programs';

export type Errno = 'ENOSYS' | 'EPERM';
export type Fails = Partial<Record<FreezeMode, string>>;

export interface Denied {
  readonly call: string;
  /** The errors that the call answers; both if not given. */
  readonly errors?: readonly Errno[];
  /** Words for launch.c beside the denial. */
  readonly also?: readonly string[];
  /** What these words make of the system. */
  readonly where?: string;
  /** The cells of docs/faults.md that say other than that it works. */
  readonly fails?: Fails;
}

export interface Lack {
  readonly name: string;
  readonly options: NodeOptions;
  /** Of the members. */
  readonly user?: number;
  /** No process can be started once the state is made. */
  readonly isFull?: boolean;
  /** A confirmation is not possible here. */
  readonly hopeless?: readonly FreezeMode[];
  readonly isPossible?: boolean;
  readonly fails?: Fails;
}

const noGroup: Fails = { cgroup: '`ERR_FREEZE_CGROUP`: make' };

function noSignal(code: string): Fails {
  const all = `\`ERR_FREEZE_${code}\`: freeze, confirm, freezeAgain`;
  return { process: all, 'process-group': all, 'process-tree': all };
}

/** By a seccomp filter, to the whole process: so it must be one that Node does without. Node 26 needs sched_getscheduler. */
export const denied: readonly Denied[] = [
  { call: 'capget' },
  { call: 'capset' },
  { call: 'chdir' },
  { call: 'close_range' },
  { call: 'flock' },
  { call: 'fstatfs' },
  { call: 'getpgid' },
  { call: 'getresuid' },
  { call: 'getsid' },
  { call: 'kcmp' },
  {
    call: 'kill',
    errors: ['ENOSYS'],
    also: ['no-pidfd-flags'],
    where: 'before Linux 6.9',
    fails: { 'process-group': '`ERR_FREEZE_SIGNAL_FAILED`: freeze, confirm, freezeAgain' },
  },
  {
    call: 'kill',
    errors: ['EPERM'],
    also: ['no-pidfd-flags'],
    where: 'before Linux 6.9',
    fails: { 'process-group': '`ERR_FREEZE_PERMISSION_DENIED`: freeze, confirm, freezeAgain' },
  },
  { call: 'kill', errors: ['ENOSYS'], also: ['no-pidfd'], where: 'without pidfds', fails: noSignal('SIGNAL_FAILED') },
  {
    call: 'kill',
    errors: ['EPERM'],
    also: ['no-pidfd'],
    where: 'without pidfds',
    fails: noSignal('PERMISSION_DENIED'),
  },
  { call: 'memfd_create' },
  { call: 'mkdir', fails: noGroup },
  { call: 'pidfd_open' },
  { call: 'pidfd_send_signal' },
  { call: 'ppoll' },
  { call: 'prctl' },
  { call: 'prlimit64' },
  { call: 'rmdir', fails: { cgroup: '`ERR_FREEZE_CGROUP`: close' } },
  { call: 'sched_setscheduler' },
  { call: 'setsid' },
  { call: 'socketpair' },
  { call: 'statfs' },
  { call: 'tgkill' },
  { call: 'unshare' },
  { call: 'waitid' },
];

const permission = ['--permission', '--experimental-permission'].find((option) =>
  process.allowedNodeEnvironmentFlags.has(option),
);

const works = ([command = '', ...args]: readonly string[]): boolean => spawnSync(command, args).status === 0;

const hiding = afterMounting('mount -t proc -o hidepid=2 proc /proc');
const readOnly = afterMounting(`mount -o remount,bind,ro ${cgroupMount()}`);

const asNobody = canBecomeNobody ? { user: nobody } : {};
const launchAsNobody = canBecomeNobody ? { launch: [`user=${nobody}`] } : {};

/** How many descriptors this Node opens by itself beyond the 19 of Node 20. */
function ofNewerNode(): number {
  // One more is that of the folder which is read.
  const program = "console.log(require('node:fs').readdirSync('/proc/self/fd').length - 20)";
  return Math.max(0, Number(spawnSync(process.execPath, ['-e', program]).stdout));
}

export const lacks: readonly Lack[] = [
  {
    name: 'a stack of 256 KiB',
    options: { node: ['--stack-size=128'], under: ['sh', '-c', 'ulimit -s 256 && exec "$@"', '-'] },
  },
  { name: 'a limit of 40 descriptors', options: { launch: [`open-files=${40 + ofNewerNode()}`] } },
  {
    name: "Node's permission model",
    options: { node: [permission ?? '', '--allow-addons', '--allow-fs-read=*'] },
    isPossible: permission !== undefined && process.allowedNodeEnvironmentFlags.has('--allow-addons'),
  },
  {
    name: 'no room for another process',
    options: launchAsNobody,
    ...asNobody,
    isFull: true,
    isPossible: works(['prlimit', '--version']),
    fails: { cgroup: '-' },
  },
  {
    name: '`/proc` with `hidepid=2`',
    options: {
      under: [...hiding, launchProgram, `user=${nobody}`, '--'],
    },
    user: nobody,
    isPossible: canBecomeNobody && works([...hiding, 'true']),
    hopeless: ['process-group'],
    fails: { 'process-group': '`ERR_FREEZE_NOT_STOPPED`: confirm', cgroup: '-' },
  },
  {
    name: 'cgroups mounted read-only',
    options: { under: readOnly },
    isPossible: works([...readOnly, 'true']),
    fails: noGroup,
  },
];
