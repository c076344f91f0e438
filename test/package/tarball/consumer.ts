import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { compileTimeout, type Run, root, run, userEnvironment, which } from '../run';

/** Someone else's project, in a folder that was empty. Its path has a space, as a user's may. */
export class Consumer {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze state consumer-')));
  readonly installed = join(this.folder, 'node_modules', 'freeze-state');
  /** All that is on this project's PATH besides `programs`: no compiler, no make, no Python. */
  readonly #bin = join(this.folder, '.bin');

  constructor(programs: readonly string[] = []) {
    writeFileSync(join(this.folder, 'package.json'), JSON.stringify({ private: true }));
    cpSync(join(__dirname, 'consumer'), this.folder, { recursive: true });
    mkdirSync(this.#bin);
    symlinkSync(process.execPath, join(this.#bin, 'node'));
    for (const program of ['npm', 'npx', 'sh', ...programs]) {
      const file = which(program);
      if (file === undefined) throw new Error(`There is no ${program} on the PATH.`);
      symlinkSync(realpathSync(file), join(this.#bin, program));
    }
  }

  /** With nothing on the PATH but the programs that were named. */
  runBare(command: string, ...args: string[]): Promise<Run> {
    return run(join(this.#bin, command), args, { cwd: this.folder, env: { ...userEnvironment(), PATH: this.#bin } });
  }

  /** As on a developer's machine. */
  run(command: string, ...args: string[]): Promise<Run> {
    return run(command, args, { cwd: this.folder, timeout: compileTimeout });
  }

  install(...options: string[]): Promise<Run> {
    return this.runBare('npm', 'install', ...options, '--no-audit', '--no-fund', inject('tarball'));
  }

  /** Makes a package of the repository's node_modules importable here. */
  link(name: string): void {
    const link = join(this.folder, 'node_modules', name);
    mkdirSync(join(link, '..'), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link);
  }

  write(file: string, content: string): void {
    writeFileSync(join(this.folder, file), content);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
