// A part of the sequences of main.ts: part.ts <mode> <count> <seed>. Tells its parent how it goes.
import type { FreezeMode } from 'freeze-state';
import type { PartMessage } from './main';
import { type Counts, checkSequences } from './sequences';

const [mode, count, seed] = process.argv.slice(2) as [FreezeMode, string, string];

function tell(message: PartMessage): void {
  process.send?.(message);
}

async function main(): Promise<void> {
  // Also where the parent is killed.
  process.once('disconnect', () => process.exit());
  let told = 0;
  const onSequence = (counts: Counts): void => {
    if (performance.now() < told + 1000) return;
    told = performance.now();
    tell(counts);
  };
  try {
    tell(await checkSequences({ mode, count: Number(count), seed: Number(seed), onSequence }));
  } catch (error) {
    tell({ failure: error instanceof Error ? error.message : String(error) });
  }
  process.disconnect?.();
}

void main();
