import { readdirSync, readFileSync } from 'node:fs';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { listsDescendants } from '../helpers/descendants';
import { signallingModes } from '../helpers/modes';
import { cgroupMount, cgroupOf, letterOf, stopped } from '../helpers/proc';
import { args, cleanUp, eventually, fixture, letter, Run } from './helpers';
import { Stage } from './stage';

/** The cgroups that states of a process have made and not removed. */
function cgroupsOf(pid: number): string[] {
  if (cgroupMount() === '') return [];
  return readdirSync(cgroupOf(process.pid)).filter((name) => name.startsWith(`freeze-state-${pid}-`));
}

describe.each(signallingModes)('--freeze %s', (mode) => {
  const freezesChildren = mode !== FreezeMode.Process;
  // Where it is not frozen with the runtime, the emulator does not know of it: then it ends by itself, as its input does.
  const command = freezesChildren ? ['sh', '-c', "trap '' TERM; exec sleep 1000"] : ['cat'];

  const verb = freezesChildren ? 'stops' : 'does not stop';
  it.each(['stop', 'kill'] as const)(`${verb} what the runtime has started, and %s() ends it`, async (end) => {
    const stage = new Stage({ runtime: { name: 'runtime', command: fixture('runtime.mjs') }, freeze: mode });
    const { child } = JSON.parse(String((await stage.invoke(JSON.stringify({ child: command }))).body));
    cleanUp({ pids: () => [child] });
    const [runtime] = stage.sandbox.pids as [number];

    await stage.until('freeze');
    await stopped(runtime, ...(freezesChildren ? [child] : []));
    if (!freezesChildren) expect(letterOf(child)).toMatch(/^[RSD]$/);
    if (mode === FreezeMode.Cgroup) {
      expect(cgroupOf(child)).toBe(cgroupOf(runtime));
      expect(readFileSync(`${cgroupOf(child)}/cgroup.freeze`, 'latin1')).toBe('1\n');
    }
    const freeze = stage.log.find(({ what }) => what === 'freeze');
    expect(freeze).toMatchObject({ states: { runtime: 'T' }, others: listsDescendants(mode) ? [child] : [] });

    const result = stage.invoke('{"n":2}');
    expect([runtime, child].map(letterOf).join()).toMatch(/^[RSD],[RSD]$/);
    expect(JSON.parse(String((await result).body))).toEqual({ echo: { n: 2 } });
    await stage.until('freeze', 2);

    await stage.sandbox[end]();
    await eventually('both are gone', () => [runtime, child].every((pid) => '-Z'.includes(letter(pid))));
    expect(cgroupsOf(process.pid)).toEqual([]);
  });

  it.each([1, 2])('leaves nothing when it is interrupted %i times', async (times) => {
    const runtime = fixture('runtime.mjs', 'stubborn');
    const more = ['--freeze', mode, '--gap', 60_000];
    const run = new Run(args({ runtime, events: [{ child: command }], more }));
    await run.until('it is frozen', () => run.count('freeze') === 1 && run.lines.length === 1);
    const { child } = run.lines[0] as { child: number };
    cleanUp({ pids: () => [child] });
    expect(run.stderr).toMatch(/ freeze {4}runtime=T {2}/);

    run.child.kill('SIGINT');
    await run.until('the end has begun', () => run.count('shutdown') === 1);
    if (times === 2) run.child.kill('SIGINT');
    await run.exitsWith(130);
    await eventually('both are gone', () =>
      [child, ...Object.values(run.processes)].every((pid) => '-Z'.includes(letter(pid))),
    );
    expect(cgroupsOf(run.pid)).toEqual([]);
  });
});
