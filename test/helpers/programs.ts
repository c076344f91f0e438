import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const built = join(__dirname, '../../build/test-helpers');

/** The path of a C helper, compiled when its source is newer. Test files run side by side, so it appears whole. */
function program(name: string, ...options: string[]): string {
  const source = join(__dirname, `fixtures/${name}.c`);
  const binary = join(built, name);
  const compiledAt = statSync(binary, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (compiledAt < statSync(source).mtimeMs) {
    mkdirSync(built, { recursive: true });
    const mine = `${binary}.${process.pid}`;
    // It may have words of its own: `ccache gcc`.
    const [compiler = 'cc', ...words] = (process.env['CC'] ?? 'cc').split(' ');
    execFileSync(compiler, [...words, '-O1', '-Wall', '-Wextra', '-pthread', ...options, '-o', mine, source]);
    renameSync(mine, binary);
  }
  return binary;
}

/** See target.c. */
export const targetProgram = program('target');
/** See launch.c. */
export const launchProgram = program('launch');
/** See side-effect.c: a library. */
export const sideEffectLibrary = program('side-effect', '-shared', '-fPIC');
/** See paused.c. */
export const pausedProgram = program('paused');
/** See families.c. */
export const familiesProgram = program('families');
