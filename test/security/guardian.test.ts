import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, readlinkSync, statSync, writeSync } from 'node:fs';
import { release } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import { guardian } from '../helpers/guardian';
import { valueInNode } from '../helpers/node';
import { canBecomeNobody, nobody } from '../helpers/processes';

/** The fields of /proc/<pid>/status that say what a process may do. */
function rightsOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return text.split('\n').filter((line) => /^(Uid|Gid|Groups|Cap\w+|Seccomp|NoNewPrivs):/.test(line));
}

/** CAP_SYS_RESOURCE; capabilities(7). */
const capSysResource = 24n;

function killedWhenShort(pid: number): string {
  return readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1').trim();
}

const [major = 0, minor = 0] = release().split('.').map(Number);
/** F_SEAL_FUTURE_WRITE: Linux 5.1. */
const hasWriteSeal = major > 5 || (major === 5 && minor >= 1);

describe('the guardian', () => {
  let pid = 0;
  beforeAll(() => {
    pid = guardian();
  });

  it('has the rights of the process that it guards, and no more', () => {
    expect(rightsOf(pid)).toEqual(rightsOf(process.pid));
  });

  it.runIf(canBecomeNobody)('has no capability where that is a plain user', async () => {
    const rights = await valueInNode(
      ({ FreezeState: State, spawnTarget }) => {
        const member = spawnTarget('sleep');
        new State('process', member.pid).freezeAtEpoch(0);
        const { pid: own } = State.capabilities.guardian;
        const text = process.getBuiltinModule('node:fs').readFileSync(`/proc/${own}/status`, 'latin1');
        member.kill('SIGKILL');
        return /^CapEff:\t(\w+)$/m.exec(text)?.[1];
      },
      [],
      { launch: [`user=${nobody}`] },
    );
    expect(Number(`0x${rights}`)).toBe(0);
  });

  it('asks to be the last that is killed when memory is short, where the process may', () => {
    const [, rights = '0'] = /^CapEff:\t(\w+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    const mayAsk = ((BigInt(`0x${rights}`) >> capSysResource) & 1n) === 1n;
    expect(killedWhenShort(pid)).toBe(mayAsk ? '-1000' : killedWhenShort(process.pid));
  });

  it.runIf(canBecomeNobody)('is as likely to be killed then as a plain user that it guards', async () => {
    const [its, own] = await valueInNode(
      ({ FreezeState: State, spawnTarget }) => {
        const member = spawnTarget('sleep');
        new State('process', member.pid).freezeAtEpoch(0);
        const { readFileSync: read } = process.getBuiltinModule('node:fs');
        const { pid: guard } = State.capabilities.guardian;
        member.kill('SIGKILL');
        return [guard, process.pid].map((one) => read(`/proc/${one}/oom_score_adj`, 'latin1'));
      },
      [],
      { launch: [`user=${nobody}`] },
    );
    expect(its).toBe(own);
  });

  it('runs a program that is neither set-user-ID nor set-group-ID', () => {
    const { mode } = statSync(readlinkSync(`/proc/${pid}/exe`));
    expect(mode & 0o7000).toBe(0);
  });

  it('is reached by no name: its socket has none, and cannot be opened', () => {
    const [, inode = ''] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/3`)) ?? [];
    const line = readFileSync('/proc/net/unix', 'latin1')
      .split('\n')
      .find((one) => one.trim().split(/ +/)[6] === inode);
    // Eight fields where the socket is bound to a path.
    expect(line?.trim().split(/ +/)).toHaveLength(7);
    expect(() => openSync(`/proc/${pid}/fd/3`, 'r+')).toThrow('ENXIO');
  });

  it.runIf(hasWriteSeal)('reads a ledger whose file no process can write to, cut or make longer', () => {
    const ledger = openSync(`/proc/${pid}/fd/4`, 'r+');
    try {
      expect(() => writeSync(ledger, 'x', 0)).toThrow('EPERM');
      for (const size of [0, 2 ** 30]) expect(() => ftruncateSync(ledger, size)).toThrow('EPERM');
    } finally {
      closeSync(ledger);
    }
  });

  it('does nothing for one who starts it by hand', () => {
    const { status, stderr } = spawnSync(readlinkSync(`/proc/${pid}/exe`), [String(process.pid)], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/started by freeze-state/);
  });
});
