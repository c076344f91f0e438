import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { childEnvironment } from '../helpers/environment';
import { letterOf, stopped } from '../helpers/proc';
import { start } from '../helpers/processes';
import { until } from '../helpers/until';

const example = join(__dirname, '../../examples/vercel-fun');
const isInstalled = existsSync(join(example, 'node_modules/@vercel/fun'));
const advice = '@vercel/fun is not installed: run `npm ci --prefix examples/vercel-fun`';
if (!isInstalled && !process.env['FREEZE_STATE_FUN']) console.warn(`Skipped: ${advice}`);

/** For its cache, and for what the functions wait for. */
const folder = mkdtempSync(join(tmpdir(), 'fun-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly runtime: number;
  readonly child: number;
}

/** A run of the example. */
class Emulator {
  readonly child: ReturnType<typeof start>;
  #output = '';
  errors = '';

  constructor(provider: 'native' | 'freezing', ...rest: string[]) {
    this.child = start(process.execPath, ['main.mjs', provider, ...rest], {
      cwd: example,
      env: { ...childEnvironment(), XDG_CACHE_HOME: folder },
    });
    this.child.stdout.on('data', (text: Buffer) => {
      this.#output += text.toString();
    });
    this.child.stderr.on('data', (text: Buffer) => {
      this.errors += text.toString();
    });
  }

  get answers(): string[] {
    return this.#output.split('\n').slice(0, -1);
  }

  send(event: object): void {
    this.child.stdin.write(`${JSON.stringify(event)}\n`);
  }

  async nextAnswer(): Promise<string> {
    const count = this.answers.length;
    await until(() => this.answers.length > count, `there is answer ${count + 1}; ${this.errors}`);
    return this.answers[count] as string;
  }

  async invoke(event: object): Promise<Answer> {
    this.send(event);
    return JSON.parse(await this.nextAnswer()) as Answer;
  }
}

const isThere = (pid: number) => !['', 'Z', 'X'].includes(letterOf(pid));
/** Seen by its parent, the emulator, as well. */
const reaped = (pid: number) => until(() => letterOf(pid) === '', `${pid} has been reaped`);
const gone = (...pids: number[]) => until(() => !pids.some(isThere), `${pids} have ended`);

/** What the heart of the function's child has written. */
const beats = (child: number) => statSync(`/proc/${child}/fd/1`).size;

/** A pause that stands for no condition: it shows that something does not happen. */
const pause = () => sleep(300);

/** Whether it is of this file's tests: each has the folder in its environment, as the place of the cache. */
function isOurs(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`=${folder}`);
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

// The own freeze of @vercel/fun leaves them stopped.
afterEach(() =>
  until(() => {
    const left = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOurs(name) && isThere(Number(name)));
    for (const pid of left) kill(Number(pid));
    return left.length === 0;
  }, 'nothing is left of the emulators'),
);

it.runIf(process.env['FREEZE_STATE_FUN'])('@vercel/fun is installed', () => {
  expect(isInstalled, advice).toBe(true);
});

it('docs/integrations.md shows the provider as it is', () => {
  const page = readFileSync(join(__dirname, '../../docs/integrations.md'), 'utf8');
  expect(page).toContain(`\`\`\`js\n${readFileSync(join(example, 'provider.mjs'), 'utf8')}\`\`\`\n`);
});

it('docs/integrations.md says how long the patch for @vercel/fun itself is, which git can read', () => {
  const page = readFileSync(join(__dirname, '../../docs/integrations.md'), 'utf8');
  // Outside of a repository, in which git would take part of the patch.
  const patch = join(example, 'upstream.patch');
  const { stdout } = spawnSync('git', ['apply', '--numstat', patch], { cwd: folder, encoding: 'utf8' });
  const counts = stdout.split('\n').slice(0, -1);
  expect(counts.map((line) => line.split('\t')[2])).toEqual([
    'package.json',
    'src/providers/native/index.ts',
    'src/runtime-server.ts',
  ]);
  const [added, removed] = [0, 1].map((column) =>
    counts.reduce((sum, line) => sum + Number(line.split('\t')[column]), 0),
  );
  expect(page).toContain(`in ${added} added lines and ${removed} removed ones`);
});

const busy = [join(__dirname, 'fixtures/busy-after-answer'), 'provided'];
let files = 0;
const newFile = () => join(folder, String(files++));

describe.runIf(isInstalled)('the freeze of examples/vercel-fun', () => {
  it('covers the tree: a child of the function is stopped in every gap', async () => {
    const emulator = new Emulator('freezing');
    for (let gap = 1; gap <= 3; gap += 1) {
      const { runtime, child } = await emulator.invoke({});
      await stopped(runtime, child);
      const before = beats(child);
      await pause();
      expect(beats(child)).toBe(before);
    }
    const { runtime, child } = await emulator.invoke({});
    emulator.child.stdin.end();
    expect(await once(emulator.child, 'exit')).toEqual([0, null]);
    await gone(runtime, child);
    expect(emulator.errors).toBe('');
  });

  it('comes when the runtime is parked, and not when it has answered', async () => {
    const emulator = new Emulator('freezing', ...busy);
    const file = newFile();
    const { runtime } = await emulator.invoke({ file });
    await pause();
    expect(letterOf(runtime)).not.toBe('T');
    writeFileSync(file, '');
    await stopped(runtime);
  });

  it('a runtime that has died in the pool is replaced', async () => {
    const emulator = new Emulator('freezing');
    const first = await emulator.invoke({});
    await stopped(first.runtime);
    process.kill(first.runtime, 'SIGKILL');
    await reaped(first.runtime);
    const second = await emulator.invoke({});
    expect(second.runtime).not.toBe(first.runtime);
  });

  it('a runtime that ends after its answer keeps nobody waiting', async () => {
    const emulator = new Emulator('freezing', ...busy);
    const file = newFile();
    const { runtime } = await emulator.invoke({ file, exits: true });
    emulator.send({ file });
    await pause();
    writeFileSync(file, '');
    expect(await emulator.nextAnswer()).toMatch(/^Unhandled: .*The runtime has exited/);
    expect((await emulator.invoke({ file })).runtime).not.toBe(runtime);
  });

  it('leaves nothing stopped when the emulator is killed', async () => {
    const emulator = new Emulator('freezing');
    const { runtime, child } = await emulator.invoke({});
    await stopped(runtime, child);
    emulator.child.kill('SIGKILL');
    await gone(runtime, child); // they have seen the ends of their connections
  });
});

describe.runIf(isInstalled)("@vercel/fun's own freeze", () => {
  it('lets a child of the function run on in every gap', async () => {
    const emulator = new Emulator('native');
    for (let gap = 1; gap <= 3; gap += 1) {
      const { runtime, child } = await emulator.invoke({});
      await stopped(runtime);
      const before = beats(child);
      await until(() => beats(child) > before + 2, 'the heart beats on');
      expect(letterOf(runtime)).toBe('T');
    }
  });

  it('comes when the runtime has answered, whatever it is about', async () => {
    const emulator = new Emulator('native', ...busy);
    const { runtime } = await emulator.invoke({ file: newFile() });
    await stopped(runtime);
  });

  it('fails an invocation after the runtime has died in the pool', async () => {
    const emulator = new Emulator('native');
    const { runtime } = await emulator.invoke({});
    await stopped(runtime);
    process.kill(runtime, 'SIGKILL');
    await reaped(runtime);
    emulator.send({});
    expect(await once(emulator.child, 'exit')).toEqual([1, null]);
    expect(emulator.errors).toMatch(/TypeError: .*initDeferred/);
  });

  it('never answers after a runtime that ends after its answer', async () => {
    const emulator = new Emulator('native', ...busy);
    const file = newFile();
    const { runtime } = await emulator.invoke({ file, exits: true });
    await stopped(runtime);
    writeFileSync(file, '');
    emulator.send({ file });
    await reaped(runtime);
    await pause();
    expect([emulator.answers.length, emulator.child.exitCode]).toEqual([1, null]);
  });

  it('leaves the runtime stopped when the emulator is killed', async () => {
    const emulator = new Emulator('native');
    const { runtime } = await emulator.invoke({});
    await stopped(runtime);
    emulator.child.kill('SIGKILL');
    await once(emulator.child, 'exit');
    await pause();
    expect(letterOf(runtime)).toBe('T');
  });
});
