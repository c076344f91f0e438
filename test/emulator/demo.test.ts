import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Story } from '../../examples/demo/story';
import { inWords, measured } from '../../scripts/docs-picture.mjs';
import { Run } from './helpers';

const folder = mkdtempSync(join(tmpdir(), 'freeze-state-demo-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('the demo draws who ran when, checks it, and leaves nothing', async () => {
  const saved = join(folder, 'demo.json');
  const run = new Run(['--save', saved], { script: 'examples/demo/main.ts' });
  await run.exitsWith(0);

  for (const name of ['runtime', 'child', 'metrics', 'logs']) {
    const [row = ''] = run.stdout.match(new RegExp(`^${name} .*$`, 'm')) ?? [];
    expect(row.match(/█+/g)?.length).toBeGreaterThanOrEqual(4);
    expect(row.match(/░+/g)?.length).toBeGreaterThanOrEqual(3);
    expect(row.length).toBeLessThanOrEqual(100);
  }
  expect(run.stdout.match(/^freezes .*$/m)?.[0]?.match(/T+/g)).toHaveLength(4);
  expect(run.stdout.match(/^freezes .*$/m)?.[0]?.match(/×/g)).toHaveLength(1);
  expect(run.stdout.match(/^│ +\d+ │ +\d+ µs │ +\d+ µs │ +\d+ ms │ +\d+ µs │/gm)).toHaveLength(4);
  // The time is the freeze's own: what the demo does besides is not done between two steps of it.
  expect(run.stdout).toMatch(/^"signalled" is a tree of 4 Node processes.*emulator's log got \d+ lines in that time/ms);
  expect(run.stdout).toMatch(/confirmFreezeAtEpoch\(\d+\) gave isFrozen: false/);
  expect(run.stdout).toMatch(/^Checked: no heart beat in a freeze, and no process is left\.$/m);
  // The pictures of the README show another run, in which the same happened in the same order.
  expect(inWords(Story.parse(readFileSync(saved, 'utf8')))).toBe(inWords(measured()));
});
