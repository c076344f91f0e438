import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageCopy } from '../helpers/package-copy';
import { running } from '../helpers/proc';
import { canBecomeNobody, nobody, sleeper, start } from '../helpers/processes';
import { output } from '../helpers/sandboxes';
import { until } from '../helpers/until';

it.runIf(canBecomeNobody)('keeps the guardian, as the new user, where that cannot start another', async () => {
  const member = sleeper({ user: nobody });
  const userOf = (pid: number) => /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  await until(() => userOf(member.pid) === String(nobody), 'the member has its user');
  const folder = packageCopy();
  const words = [join(__dirname, 'fixtures/change-user.cjs'), folder, String(member.pid), String(nobody)];
  const emulator = start(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const { before, after } = JSON.parse(await output(emulator)) as Record<string, { pid: number }>;
  expect(before).toEqual({ available: true, pid: expect.any(Number) });
  expect(after).toEqual({
    ...before,
    reason: expect.stringMatching(
      /^The user of this process has changed, and no guardian of the new user could be started.*EACCES/,
    ),
  });
  await until(() => userOf(after?.pid ?? 0) === String(nobody), 'the guardian has the new user');
  emulator.kill('SIGKILL');
  await running(member.pid);
});
