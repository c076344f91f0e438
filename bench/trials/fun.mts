// What the freeze costs an emulator that is not ours: events for a function of @vercel/fun, which has a child. Its own freeze is a
// SIGSTOP to the runtime alone, as soon as that has answered. The other is that of examples/vercel-fun, and one is without any.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { again, inSeries, invocation, loop, series } from '../cycle.mjs';
import { goal, note, print, ratio } from '../findings.mjs';
import { interleave, only } from '../measure.mjs';
import { Peer } from '../peer.mjs';

if (!existsSync(join(import.meta.dirname, '../../examples/vercel-fun/node_modules/@vercel/fun'))) {
  note('@vercel/fun is not installed: run `npm ci --prefix examples/vercel-fun`.');
  process.exit();
}

const own = 'its own SIGSTOP to one pid';
const ours = 'process-tree';
const without = 'no freeze';
const providers = { [without]: 'unfrozen', [own]: 'native', [ours]: 'freezing' };

const cache = mkdtempSync(join(tmpdir(), 'fun-'));
process.on('exit', () => rmSync(cache, { recursive: true, force: true }));
// By default a signal ends the process without its `exit`.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

const peers: Peer[] = [];
try {
  for (const [name, provider] of Object.entries(providers)) {
    const program = join(import.meta.dirname, '../fun.mts');
    peers.push(await Peer.start(name, program, [provider], { XDG_CACHE_HOME: cache }));
  }
  // First, so that each runtime and each emulator is warm when single events are measured.
  const atOnce = await interleave(
    peers.map((peer) => peer.in(series)),
    40,
  );
  const results = await interleave(peers, 500);
  print('An event for a function of @vercel/fun that is frozen', 'µs', only(results, invocation), own);
  print(
    'After the answer, until it is frozen again or parked; and the event loop in all',
    'µs',
    only(results, again, loop),
    without,
  );
  const times = ratio(results, invocation, ours, own);
  goal(`An invocation through @vercel/fun with ${ours}, against its own SIGSTOP`, times, 1.1);
  print('Events that follow each other at once', 'µs', only(atOnce, inSeries), own);
} finally {
  await Promise.all(peers.map((peer) => peer.end()));
}
