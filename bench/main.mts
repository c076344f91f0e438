// npm run bench: runs the trials, each in a process of its own so that none inherits another's heap, children or signal
// dispositions. bench/trials/NAME.mts is the trial NAME.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Argument, program } from 'commander';
import pc from 'picocolors';
import { type Findings, isMet } from './findings.mjs';
import { writeReport } from './report.mjs';
import type { Trial, Trials } from './trials.mjs';

const folder = join(import.meta.dirname, 'trials');
const names = readdirSync(folder).map((file) => basename(file, '.mts'));

/** The trials that use profile.mts. */
const profiled: readonly string[] = ['confirm', 'guardian', 'modes', 'register', 'runtimes', 'turns', 'wake'];

program
  .name('npm run bench --')
  .description('Compares what freeze-state costs with the least that it can cost, and with what one would use instead.')
  .addArgument(new Argument('[trials...]', 'these alone').choices(names))
  .option('--quick', 'a look in about a minute, with fewer and smaller cases; its figures are no measurement')
  .option('--json <FILE>', 'also write everything that was found to FILE')
  .option(
    '--report',
    'also write docs/performance.json, and fill the pages that quote it; takes all trials, without --quick',
  )
  .option('--from <FILE>', 'measure nothing: take what --json wrote to FILE')
  .parse();

interface Options {
  readonly quick?: true;
  readonly json?: string;
  readonly report?: true;
  readonly from?: string;
}

function run(name: string, findingsIn: string, quick: boolean): Trial | undefined {
  const file = join(findingsIn, `${name}.json`);
  const start = performance.now();
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', join(folder, `${name}.mts`)], {
    stdio: 'inherit',
    env: {
      ...process.env,
      FREEZE_STATE_BENCH_FINDINGS: file,
      FREEZE_STATE_BENCH_QUICK: quick ? '1' : '0',
      ...(profiled.includes(name) && { LD_PRELOAD: join(import.meta.dirname, 'native/build/Release/calls.node') }),
    },
  });
  const seconds = (performance.now() - start) / 1000;
  if (status === 0) return { name, seconds, ...(JSON.parse(readFileSync(file, 'utf8')) as Findings) };
  console.error(pc.red(`The trial ${name} ended with ${status}.`));
  process.exitCode = 1;
  return undefined;
}

/** Runs git here; empty where that fails, as in a copy without a repository. */
function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function commitNow(): Trials['commit'] {
  const [id, changes] = [git('rev-parse', 'HEAD'), git('status', '--porcelain')];
  return id === undefined || changes === undefined ? undefined : { id, isChanged: changes !== '' };
}

function measure(chosen: readonly string[], quick: boolean): Trials {
  const machine = {
    processors: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    system: `Linux ${release()}`,
    node: process.version,
    user: process.getuid?.() === 0 ? 'root' : 'a plain user',
  };
  console.log(Object.values(machine).join(', '));
  console.log('Medians of interleaved rounds. Read the ratios: the absolute figures are those of this machine, now.');
  if (quick) console.log(pc.yellow('Quick: a few rounds of each, whose figures are no measurement.'));
  const commit = commitNow();
  const findingsIn = mkdtempSync(join(tmpdir(), 'bench-'));
  const trials: Trial[] = [];
  try {
    for (const [index, name] of chosen.entries()) {
      console.log(pc.dim(`\n— ${name} (${index + 1} of ${chosen.length})`));
      const trial = run(name, findingsIn, quick);
      if (trial !== undefined) trials.push(trial);
    }
  } finally {
    rmSync(findingsIn, { recursive: true });
  }
  return {
    schemaVersion: 1,
    date: new Date().toISOString().slice(0, 10),
    quick,
    ...(commit && { commit }),
    machine,
    trials,
  };
}

const { quick = false, json, report, from } = program.opts<Options>();
const chosen = program.args.length > 0 ? program.args : names;
if (report && quick) program.error('--report needs figures to rely on: leave out --quick.');
if (report && chosen !== names) program.error('--report takes all trials: name none.');
const found = from === undefined ? measure(chosen, quick) : (JSON.parse(readFileSync(from, 'utf8')) as Trials);
const missing = names.filter((name) => !found.trials.some((trial) => trial.name === name));
const goals = found.trials.flatMap((trial) => trial.goals);
if (goals.length > 0) {
  console.log(`\n${goals.filter(isMet).length} of ${goals.length} goals are met.`);
}
if (json !== undefined) writeFileSync(json, `${JSON.stringify(found, undefined, 2)}\n`);
if (report && missing.length > 0)
  program.error(`No report: it takes all trials, and there are no results of ${missing.join(', ')}.`);
if (report) await writeReport(found);
