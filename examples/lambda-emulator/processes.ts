import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sandbox } from 'freeze-state/sandbox';
import type { ProcessSpec } from './config';

/** Lambda's words for the signals that end a runtime most often. */
const signalNames: Record<string, string> = { SIGKILL: 'killed', SIGTERM: 'terminated', SIGSEGV: 'segmentation fault' };

/** A process that the emulator starts: the runtime or an extension. */
export class SandboxProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  constructor({ name, command }: ProcessSpec, env: NodeJS.ProcessEnv, sandbox: Sandbox) {
    this.name = name;
    // Its output goes to our standard error, since standard output is for the responses only. It is not detached: if the emulator
    // is killed, its process group is orphaned. The kernel then sends SIGHUP and SIGCONT to a group with stopped members
    // (setpgid(2)).
    this.#child = sandbox.spawn('/bin/sh', ['-c', shellLine(command)], {
      env,
      stdio: ['ignore', process.stderr, process.stderr],
    });
    this.#exit = once(this.#child, 'exit').catch(() => {});
  }

  /** Throws where the process could not even be started. */
  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`cannot start ${this.name}: /bin/sh is missing or no process is left`);
    return pid;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** `exit status 3`, `signal: killed`. Of a process that has exited. */
  get howItEnded(): string {
    const { exitCode, signalCode } = this.#child;
    return signalCode === null ? `exit status ${exitCode}` : `signal: ${signalNames[signalCode] ?? signalCode}`;
  }

  /** Whether it died of a signal that a terminal sends to all processes of its foreground group, us among them. */
  get diedOfTerminal(): boolean {
    const { signalCode } = this.#child;
    return signalCode === 'SIGINT' || signalCode === 'SIGQUIT' || signalCode === 'SIGHUP';
  }

  onExit(listener: () => void): void {
    this.#child.once('exit', listener);
    this.#child.once('error', listener);
  }

  /** Asks it to end, and kills it after `ms`. */
  async end(ms: number): Promise<void> {
    this.#child.kill('SIGTERM');
    const deadline = new AbortController();
    await Promise.race([this.#exit, sleep(ms, undefined, { signal: deadline.signal }).catch(() => {})]);
    deadline.abort();
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  get stateLetter(): string {
    return this.hasExited ? '-' : stateLetter(this.pid);
  }
}

/**
 * The state of a process as ps(1) shows it: R running, S sleeping, T stopped, Z zombie. `-` where there is no such
 * process, or no /proc.
 */
function stateLetter(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // pid (name) letter ...; and the name may hold anything, a parenthesis too (proc(5)).
    return stat.charAt(stat.lastIndexOf(')') + 2);
  } catch {
    return '-';
  }
}

/** Whether the process lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  return !'XZ-'.includes(stateLetter(pid));
}

/**
 * The pid that is frozen has to be the program's and not a shell's. `exec` makes the shell become the program, but takes only a
 * simple command. Any other command stays as it is; most shells then become its last program by themselves.
 */
function shellLine(command: string): string {
  const isSimple = !/[;&|(){}\n]|^\s*\w+=/.test(command);
  return isSimple ? `exec ${command}` : command;
}
