import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { compileTimeout, run, userEnvironment } from '../run';
import { copySource } from '../source';

vi.setConfig({ testTimeout: compileTimeout });

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze-state-headers-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('a clone compiles with a Node that has no headers beside it, where none can be downloaded', async () => {
  const source = join(folder, 'source');
  copySource(source);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const node = join(bin, 'node');
  copyFileSync(process.execPath, node);
  const env = {
    ...userEnvironment(),
    PATH: `${bin}${delimiter}${process.env['PATH']}`,
    // No setting and no headers of earlier downloads. Nothing listens at port 9 (discard), so a download fails at once.
    HOME: folder,
    npm_config_disturl: 'http://127.0.0.1:9',
  };
  const compiled = await run('npm', ['run', '--silent', 'compile'], { cwd: source, env, timeout: compileTimeout });
  expect(compiled.code, compiled.stdout + compiled.stderr).toBe(0);
  const program = `
    const { FreezeState } = require(${JSON.stringify(source)});
    console.log(new FreezeState('process').currentEpoch, Object.keys(require.cache).find((file) => /node$/.test(file)));`;
  const loaded = await run(node, ['-e', program], { cwd: source });
  expect(loaded).toEqual({ code: 0, stdout: `0 ${join(source, 'build/Release/freeze_state.node')}\n`, stderr: '' });
});
