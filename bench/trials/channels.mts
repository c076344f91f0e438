// What the diagnostics channels cost where nobody listens: the facade's hot calls beside those of a copy that has no channels.
// The package itself and an equal copy of it show how much of a difference is chance.
import { readFileSync } from 'node:fs';
import { Module } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FreezeMode, FreezeState } from 'freeze-state';
import { note, print, ratio } from '../findings.mjs';
import { type Contestant, interleave, perCall } from '../measure.mjs';

const rounds = 2000;
// So few that most samples are not interrupted by other work on the machine.
const callsPerSample = 5_000;

const file = fileURLToPath(new URL('../../dist/freeze-state.js', import.meta.url));

/** The class once more, from a changed source: with the same addon, and without what V8 has learned about the first. */
function copy(change: (source: string) => string): typeof FreezeState {
  const module = new Module(file) as Module & { _compile(source: string, name: string): void };
  module.filename = file;
  module.paths = [dirname(file)];
  module._compile(change(readFileSync(file, 'utf8')), file);
  return (module.exports as { FreezeState: typeof FreezeState }).FreezeState;
}

function withoutChannels(source: string): string {
  const changed = source.replace(/(?:\w+\.)?(?:freezing|thawing)\.hasSubscribers/g, 'false');
  if (changed === source) throw new Error('It checks for subscribers in another way than this trial knows.');
  return changed;
}

// Each contestant has a loop of its own, so that V8 sees one call in it, as in a program that makes that call.
function contestant(name: string, State: typeof FreezeState): Contestant {
  const state = new State(FreezeMode.Process, process.ppid);
  state.unfreeze(); // epoch 1: from here on every freeze at 0 is stale
  const loops = new Function(
    'state',
    `return {
      freeze: (calls) => { for (let i = 0; i < calls; i += 1) state.freezeAtEpoch(0); },
      thaw: (calls) => { for (let i = 0; i < calls; i += 1) state.unfreeze(); },
    };`,
  )(state) as Record<'freeze' | 'thaw', (calls: number) => void>;
  return {
    name,
    sample: () => ({
      'freezeAtEpoch, stale epoch': perCall(loops.freeze, callsPerSample),
      'unfreeze, nothing stopped': perCall(loops.thaw, callsPerSample),
    }),
  };
}

const [plain, same, bare] = ['as it is', 'a copy', 'a copy without channels'];
const results = await interleave(
  [
    contestant(plain, FreezeState),
    contestant(
      same,
      copy((source) => source),
    ),
    contestant(bare, copy(withoutChannels)),
  ],
  rounds,
);
print('The hot calls where nobody listens to the channels', 'ns', results, bare);
for (const figure of ['freezeAtEpoch, stale epoch', 'unfreeze, nothing stopped']) {
  const cost = ratio(results, figure, same, bare).toFixed(3);
  const noise = ratio(results, figure, same, plain).toFixed(3);
  note(`${figure}: ${cost} times the copy without channels; ${noise} times what is the same as it.`);
}
process.exit();
