// Runs the trials, each in a process of its own so that none inherits another's heap, children or signal dispositions.
// `npm run bench -- calls` runs one.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { basename, join } from 'node:path';

const folder = join(import.meta.dirname, 'trials');
const trials = readdirSync(folder).map((file) => basename(file, '.mts'));
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !trials.includes(name));
if (unknown.length > 0) {
  console.error(`No trial is called ${unknown.join(' or ')}; there are ${trials.join(', ')}.`);
  process.exit(2);
}

console.log(`${cpus().length} × ${cpus()[0]?.model}, Linux ${release()}, Node ${process.version}`);
console.log('Medians of interleaved rounds. Read the ratios: the absolute figures are those of this machine, now.');
for (const trial of chosen.length > 0 ? chosen : trials) {
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', join(folder, `${trial}.mts`)], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
