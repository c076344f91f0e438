import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { prebuild } from '../libc';
import { compileTimeout } from '../run';
import { Consumer } from './consumer';

vi.setConfig({ testTimeout: compileTimeout });

const consumer = new Consumer();
afterAll(() => consumer.remove());

const use = "require('./use.cjs')(require('freeze-state'))";

/** The commands in the message: they stand alone on indented lines. */
function commandsIn(message: string): string[] {
  return [...message.matchAll(/^ {2}(np[mx] .+)$/gm)].map(([, command = '']) => command);
}

it('where there is no binary, the commands that the error prints compile one that works', async () => {
  expect(await consumer.install('--ignore-scripts')).toMatchObject({ code: 0 });
  rmSync(join(consumer.installed, prebuild));
  const { code, stdout, stderr } = await consumer.runBare('node', '-p', `try { ${use} } catch (e) { e.message }`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });

  const commands = commandsIn(stdout);
  expect(commands).toHaveLength(2);
  const before = readFileSync(join(consumer.folder, 'package-lock.json'), 'utf8');
  for (const command of commands) {
    expect(await consumer.run('sh', '-c', command)).toMatchObject({ code: 0 });
  }
  // The commands leave the project as it was.
  expect(readFileSync(join(consumer.folder, 'package-lock.json'), 'utf8')).toBe(before);
  const packages = readdirSync(join(consumer.folder, 'node_modules')).filter((name) => !name.startsWith('.'));
  expect(packages).toEqual(['freeze-state']);
  expect(await consumer.runBare('node', '-e', use)).toMatchObject({
    code: 0,
    stdout: '{"frozen":true,"stopped":"T","guarded":true}\n',
  });
});
