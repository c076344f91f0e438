// What an emulator pays for the freeze: events for sandboxes of examples/lambda-emulator, each of a Node runtime and an extension.
// Each sandbox has an emulator of its own, and all live at the same time. Between two events they are frozen, but for one.
import { join } from 'node:path';
import { FreezeMode, FreezeState } from 'freeze-state';
import { median, quantile } from 'simple-statistics';
import { again, inSeries, invocation, longestTurn, loop, series, turns } from '../cycle.mjs';
import { note, print } from '../findings.mjs';
import { interleave, only } from '../measure.mjs';
import { Peer } from '../peer.mjs';

const noFreeze = 'no freeze';
const peers: Peer[] = [];

try {
  for (const mode of Object.values(FreezeMode)) {
    const { available, reason } = FreezeState.capabilities.modes[mode];
    if (!available) {
      note(`No mode ${mode} here: ${reason}`);
      continue;
    }
    const name = mode === FreezeMode.None ? noFreeze : mode;
    peers.push(await Peer.start(name, join(import.meta.dirname, '../emulator.mts'), [mode]));
  }
  // First, so that each runtime and each emulator is warm when single events are measured.
  const atOnce = await interleave(
    peers.map((peer) => peer.in(series)),
    40,
  );
  const results = await interleave(peers, 300);
  print('An event for a sandbox that is frozen', 'µs', only(results, invocation), noFreeze);
  print(
    'After the answer, until it is frozen again or parked; and the event loop in all',
    'µs',
    only(results, again, loop),
    noFreeze,
  );
  const active = (name: string): number => median(results.get(name)?.get(loop) ?? []);
  const frozen = peers.filter(({ name }) => name !== noFreeze);
  for (const { name } of frozen) {
    const more = active(name) - active(noFreeze);
    const share = ((100 * more) / active(name)).toFixed(0);
    note(
      `${name}: freeze and thaw keep the event loop active for ${more.toFixed(0)} µs an event, ${share} % of its time.`,
    );
  }
  print(
    'Events that follow each other at once, so that no freeze comes in between',
    'µs',
    only(atOnce, inSeries),
    noFreeze,
  );
  if (frozen.length > 0) {
    const gaps = await interleave(
      frozen.map((peer) => peer.in(turns)),
      100,
    );
    print('The event loop while a freeze is confirmed', 'µs', gaps, FreezeMode.Process);
    for (const [name, found] of gaps) {
      const most = quantile(found.get(longestTurn) ?? [], 0.95).toFixed(0);
      note(`${name}: in 95 % of the freezes no turn of the event loop took longer than ${most} µs.`);
    }
  }
} finally {
  await Promise.all(peers.map((peer) => peer.end()));
}
