// What a user's first program does: freeze a real process, see that it stopped, thaw it, see that it runs.
const { spawn } = require('node:child_process');
const { readFileSync } = require('node:fs');

/** @param {typeof import('freeze-state')} freezeState */
module.exports = function use({ FreezeMode, FreezeState }) {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const letter = () => /\) (\w)/.exec(readFileSync(`/proc/${child.pid}/stat`, 'latin1'))[1];
  const await_ = (condition) => {
    const end = Date.now() + 10_000;
    while (!condition(letter())) if (Date.now() > end) throw new Error(`The child is in state ${letter()}.`);
    return letter();
  };

  const state = new FreezeState(FreezeMode.Process, child.pid);
  const frozen = state.freezeAtEpoch(state.currentEpoch);
  const stopped = await_((now) => now === 'T');
  const guarded = FreezeState.capabilities.guardian.pid !== undefined;
  state.unfreeze();
  await_((now) => now !== 'T');
  state.close();
  child.kill('SIGKILL');
  console.log(JSON.stringify({ frozen, stopped, guarded }));
};
