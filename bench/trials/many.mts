// Whether what a freeze and a thaw cost for each member is the same with a thousand members as with 128.
import { closeSync, openSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { family, killGroup, sleepers, Watch } from '../children.mjs';
import { goal, note, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave, microsecondsSince, orQuick } from '../measure.mjs';

const { SIGSTOP, SIGCONT } = constants.signals;

const [few, many] = orQuick([128, 1000], [16, 128]) as [number, number];

interface Ways {
  freeze(): void;
  thaw(): void;
  awaitStopped(): void;
}

const nameOf = (count: number, way: string): string => `${count.toLocaleString('en')}: ${way}`;

/** Freezes, awaits the stops, thaws: the microseconds of each, for each of so many members. */
function contestant(count: number, way: string, watch: Watch, ways: Ways): Contestant {
  return {
    name: nameOf(count, way),
    sample: async () => {
      floor.resetChildNotices();
      const freezing = process.hrtime.bigint();
      ways.freeze();
      const sent = microsecondsSince(freezing);
      ways.awaitStopped();
      // Node deals with the notices of the stops before the thaw brings others.
      await setImmediate();
      const thawing = process.hrtime.bigint();
      ways.thaw();
      const thawed = microsecondsSince(thawing);
      watch.awaitAsleep();
      for (let i = 0; i < 3; i += 1) await setImmediate();
      return { freeze: sent / count, thaw: thawed / count };
    },
  };
}

function byState(count: number, way: string, watch: Watch, state: FreezeState, awaitStopped?: () => void): Contestant {
  return contestant(count, way, watch, {
    freeze: () => {
      if (!state.freezeAtEpoch(state.currentEpoch)) throw new Error(`${way}: not frozen`);
    },
    thaw: () => state.unfreeze(),
    awaitStopped: awaitStopped ?? (() => watch.awaitStopped()),
  });
}

const { available, reason } = FreezeState.capabilities.modes.cgroup;
const closing: (() => void)[] = [];

async function contestantsOf(count: number): Promise<Contestant[]> {
  const children = await sleepers(count);
  const watch = new Watch(children);
  const ofProcess = (way: string, options: FreezeOptions = {}): Contestant =>
    byState(count, way, watch, FreezeState.withPids(FreezeMode.Process, children, options));
  const [leader = 0, ...rest] = await family([count - 1]);
  const leaders = [leader];
  const group = FreezeState.withPids(FreezeMode.ProcessGroup, [leader]);
  const contestants = [
    contestant(count, loopInC, watch, {
      freeze: () => floor.killAll(children, SIGSTOP),
      thaw: () => floor.killAll(children, SIGCONT),
      awaitStopped: () => watch.awaitStopped(),
    }),
    ofProcess('process'),
    ofProcess('process, boost: false'),
    byState(count, 'process-group', new Watch([leader, ...rest]), group),
  ];
  if (available) {
    const inside = await family([count - 1]);
    leaders.push(inside[0] as number);
    const insideWatch = new Watch(inside);
    const state = FreezeState.withPids(FreezeMode.Cgroup, inside);
    const [freezer, events] = ['cgroup.freeze', 'cgroup.events'].map((name) =>
      openSync(join(state.cgroup as string, name), name === 'cgroup.freeze' ? 'r+' : 'r'),
    ) as [number, number];
    const awaitStopped = (): void => floor.awaitText([events], 'frozen 1');
    contestants.push(
      contestant(count, 'writeSync to cgroup.freeze', insideWatch, {
        freeze: () => writeSync(freezer, '1', 0),
        thaw: () => writeSync(freezer, '0', 0),
        awaitStopped,
      }),
      byState(count, 'cgroup', insideWatch, state, awaitStopped),
    );
    closing.push(
      () => closeSync(freezer),
      () => closeSync(events),
      () => state.close(),
    );
  }
  closing.push(() => leaders.forEach(killGroup));
  return contestants;
}

const loopInC = 'kill loop in C';

const ofFew = await contestantsOf(few);
const ofMany = await contestantsOf(many);
const results = await interleave([...ofFew, ...ofMany], 60);
print('A freeze and a thaw, for each member', 'µs', results, nameOf(few, loopInC));
const growth = (figure: string, way: string): number => ratio(results, figure, nameOf(many, way), nameOf(few, way));
const ways = [loopInC, 'process', 'process, boost: false', 'process-group'];
if (available) ways.push('writeSync to cgroup.freeze', 'cgroup');
goal(`A freeze of ${many.toLocaleString('en')} members, against ${few}, per member`, growth('freeze', 'process'), 1.2);
for (const way of ways)
  note(`${way}: ${growth('freeze', way).toFixed(2)} times for a freeze, ${growth('thaw', way).toFixed(2)} for a thaw.`);
if (!available) note(`No cgroup here: ${reason}`);
for (const close of closing) close();
process.exit();
