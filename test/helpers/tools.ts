import { spawnSync } from 'node:child_process';

/** The version of it that the sources are formatted by. */
export const hasClangFormat = spawnSync('clang-format-19', ['--version']).status === 0;
