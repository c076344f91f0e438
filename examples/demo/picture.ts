import Table from 'cli-table3';
import pc from 'picocolors';
import type { Story } from './story';

const running = '█';
const frozen = '░';

/** One row for each process over time, as its heartbeats tell it; above them what the log says. */
export function drawTimeline(story: Story, width: number): string {
  const names = [...story.beats.keys()];
  const margin = Math.max(...names.map(({ length }) => length), 'freezes'.length) + 2;
  const columns = Math.max(40, width - margin - 1);
  const columnUs = (story.endUs - story.startUs) / columns;
  const columnOf = (us: number) => Math.min(columns - 1, Math.floor((us - story.startUs) / columnUs));
  const row = (name: string, cells: string[], paint = (text: string) => text) =>
    `${name.padEnd(margin)}${paint(cells.join('').trimEnd())}`;
  const blank = () => Array<string>(columns).fill(' ');

  const seconds = blank();
  for (let second = 0; second * 1e6 < story.endUs - story.startUs; second++) {
    const label = `${second}s`;
    const at = columnOf(story.startUs + second * 1e6);
    if (at + label.length <= columns) seconds.splice(at, label.length, ...label);
  }

  const events = blank();
  story.entries('deliver').forEach(({ atUs }, index) => {
    events[columnOf(atUs)] = String(index + 1);
  });

  const freezes = Array<string>(columns).fill('·');
  for (const { fromUs, toUs } of story.freezes) freezes.fill('T', columnOf(fromUs), columnOf(toUs));
  for (const { atUs } of story.entries('cancelled')) freezes[columnOf(atUs)] = '×';

  const processes = names.map((name) => {
    const cells = runsToCells(
      story.runs(name).map(({ fromUs, toUs }) => [columnOf(fromUs), columnOf(toUs)]),
      columns,
    );
    return row(name, cells, (text) => text.replaceAll(/█+/g, pc.green).replaceAll(/░+/g, pc.blue));
  });
  return [
    row('', seconds, pc.dim),
    row('events', events, pc.bold),
    row('freezes', freezes, (text) => text.replaceAll(/T+/g, pc.cyan).replaceAll('×', pc.red)),
    ...processes,
    '',
    `${pc.green(running)} its heart beats        ${pc.blue(frozen)} it does not`,
    `${pc.cyan('T')} frozen, by the log     ${pc.red('×')} a freeze that arriving work cancelled     1-9 an event is delivered`,
  ].join('\n');
}

/** The columns of a run, from its first to its last, are drawn as running. Those between two runs are drawn as frozen. */
function runsToCells(runs: readonly (readonly [first: number, last: number])[], columns: number): string[] {
  const cells = Array<string>(columns).fill(' ');
  cells.fill(frozen, runs[0]?.[0], runs.at(-1)?.[1]);
  for (const [first, last] of runs) cells.fill(running, first, last + 1);
  return cells;
}

/** The latencies of each freeze and of its thaw. */
export function drawLatencies(story: Story): string {
  const table = new Table({
    head: ['epoch', 'signalled', 'all stopped', 'frozen for', 'thaw call', 'first beat after', 'of the last one'],
    colAligns: Array<'right'>(7).fill('right'),
    style: { head: [], border: [], compact: true },
  });
  for (const pair of story.freezes) {
    const { freeze, thaw, fromUs, toUs } = pair;
    const beats = story.firstBeatsAfter(pair);
    table.push([
      freeze.epoch,
      microseconds(freeze.signalledUs),
      microseconds(freeze.stoppedUs),
      `${((toUs - fromUs) / 1000).toFixed(0)} ms`,
      microseconds(thaw.tookUs),
      microseconds(beats.first),
      microseconds(beats.last),
    ]);
  }
  const lines = story.linesWhileStopping;
  return [
    table.toString(),
    pc.dim(
      [
        `"signalled" is a tree of ${story.beats.size} Node processes, each with some ten threads. The freeze finds them from the root`,
        'down, waits until every thread of each has stopped, since one that runs may still fork, and looks for',
        'new children until there are none. It does so in steps of some 40 µs, and lets the event loop of the',
        `emulator turn between two of them. The emulator's log got ${lines} lines in that time; the rest of it went to`,
        'the freeze itself, and to other work of the machine. A state in mode `process` only sends the signals.',
      ].join('\n'),
    ),
  ].join('\n');
}

function microseconds(us: number | undefined): string {
  return us === undefined ? '-' : `${us} µs`;
}
