import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pausedProgram } from './programs';

/** A call that is about to stop a process. */
export interface PausedCall {
  /** Who makes it. */
  readonly caller: number;
  /** The process, or the leader of the group, that SIGSTOP is for; 0 for a control group. */
  readonly target: number;
}

function parse(line: string): PausedCall {
  const [caller = '', call = '', argument = ''] = line.split(' ');
  if (call === 'kill') return { caller: Number(caller), target: Math.abs(Number(argument)) };
  if (call === 'pwrite') return { caller: Number(caller), target: 0 };
  const [, target = '0'] = /^Pid:\t(-?\d+)$/m.exec(readFileSync(`/proc/${caller}/fdinfo/${argument}`, 'latin1')) ?? [];
  return { caller: Number(caller), target: Number(target) };
}

/**
 * Calls `run` with the words that make a program wait before each call that stops a process; for `under` of valueInNode.
 * The call goes on when the promise of `meanwhile` has settled.
 */
export async function pausing<R>(
  meanwhile: (call: PausedCall) => unknown,
  run: (under: readonly string[]) => Promise<R>,
): Promise<R> {
  const directory = mkdtempSync(join(tmpdir(), 'freeze-state-paused-'));
  // The program may run as another user.
  chmodSync(directory, 0o755);
  const path = join(directory, 'socket');
  const failures: unknown[] = [];
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    createInterface(socket).on('line', async (line) => {
      try {
        await meanwhile(parse(line));
      } catch (error) {
        failures.push(error);
      }
      socket.write('\n');
    });
  });
  try {
    await once(server.listen(path), 'listening');
    chmodSync(path, 0o777);
    const result = await run([pausedProgram, path, '--']);
    if (failures.length > 0) throw failures[0];
    return result;
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
}

/** Not before Linux 5.9, nor where a filter is refused. */
export const canPause = spawnSync(pausedProgram, ['-', '--', 'true'], { timeout: 30_000 }).status === 0;
