// Plays the demonstration, draws it and checks it. With --save FILE it also saves what it has measured.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { FreezeMode, FreezeState } from 'freeze-state';
import pc from 'picocolors';
import type { LogEntry } from '../lambda-emulator/log';
import { isAlive } from '../lambda-emulator/processes';
import { LambdaSandbox } from '../lambda-emulator/sandbox';
import { drawLatencies, drawTimeline } from './picture';
import { Story } from './story';

const beatMs = 20;
const graceMs = 120;
/** The pause after each invocation. The third is shorter than the grace: its freeze is cancelled. */
const pausesMs = [600, 400, 40, 500, 400];
const workMs = 120;

async function main(): Promise<void> {
  const { values: options } = parseArgs({ options: { save: { type: 'string' } } });
  const { available, reason, remedy } = FreezeState.capabilities.modes[FreezeMode.ProcessTree];
  if (!available) throw new Error(`The demo freezes a process tree, which is not possible here. ${reason} ${remedy}`);

  const folder = mkdtempSync(join(tmpdir(), 'freeze-state-demo-'));
  const beatFile = (name: string) => join(folder, name);
  const program = (file: string, name: string, ...rest: (string | number)[]) => ({
    name,
    command: [process.execPath, join(__dirname, file), beatFile(name), beatMs, ...rest]
      .map((word) => `'${word}'`)
      .join(' '),
  });

  const log: LogEntry[] = [];
  const sandbox = new LambdaSandbox({
    runtime: program('runtime.mjs', 'runtime', beatFile('child')),
    freeze: FreezeMode.ProcessTree,
    extensions: [program('extension.mjs', 'metrics', 'metrics', 60), program('extension.mjs', 'logs', 'logs', 180)],
    graceMs,
    onLog: (entry) => log.push(entry),
  });
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

  console.log(
    pc.dim('A runtime, its child and two extensions live for about five seconds, and are frozen in between ...\n'),
  );
  await Promise.all([sandbox.start(), invokeAll(sandbox)]);
  await sandbox.stop();

  const names = ['runtime', 'child', 'metrics', 'logs'];
  const story = new Story(log, new Map(names.map((name) => [name, readBeats(beatFile(name))])));
  console.log(drawTimeline(story, process.stdout.columns || 100));
  console.log(`\n${drawLatencies(story)}\n`);
  tellCancelled(story);
  process.exitCode = check(story) ? 0 : 1;
  if (options.save !== undefined && process.exitCode === 0) writeFileSync(options.save, `${JSON.stringify(story)}\n`);
}

async function invokeAll(sandbox: LambdaSandbox): Promise<void> {
  for (const pauseMs of pausesMs) {
    await sandbox.invoke(JSON.stringify({ workMs }));
    await sandbox.idle();
    await sleep(pauseMs);
  }
}

function readBeats(file: string): number[] {
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
}

function tellCancelled(story: Story): void {
  for (const { epoch, now } of story.entries('cancelled')) {
    console.log(
      `${pc.red('×')} A freeze was scheduled with epoch ${epoch} as its ticket. Within its grace of ${graceMs} ms work arrived, and ` +
        `made it epoch ${now}:\n  confirmFreezeAtEpoch(${epoch}) gave isFrozen: false, and no process was stopped.\n`,
    );
  }
}

/** Whether all has happened as promised: in the log and by the heartbeats, and no process is left. */
function check(story: Story): boolean {
  const pids = [
    ...story.entries('start').map(({ pid }) => pid),
    ...story.freezes.flatMap(({ freeze }) => freeze.others),
  ];
  const left = [...new Set(pids)].filter(isAlive);
  const wrong = [
    ...story.contradictions(),
    ...(story.freezes.length === pausesMs.length - 1 ? [] : [`there were ${story.freezes.length} freezes`]),
    ...(story.entries('cancelled').length === 1 ? [] : ['not exactly one freeze was cancelled']),
    ...(story.freezes.every(({ freeze }) => freeze.others.length === 1) ? [] : ['the child was not in every freeze']),
    ...left.map((pid) => `process ${pid} is still there`),
  ];
  for (const reason of wrong) console.log(pc.red(`WRONG: ${reason}`));
  if (wrong.length === 0) console.log('Checked: no heart beat in a freeze, and no process is left.');
  return wrong.length === 0;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
