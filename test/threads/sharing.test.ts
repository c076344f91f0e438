import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { runInNode, valueInNode } from '../helpers/node';
import { isStopped, openPidfds, running, stopped } from '../helpers/proc';
import { sleeper, sleepers } from '../helpers/processes';
import { Thread } from './threads';

describe('an attached state in another thread', () => {
  it('has the same mode, members, epoch and word', async () => {
    const pids = sleepers(3).map(({ pid }) => pid);
    const state = FreezeState.withPids(FreezeMode.Process, pids);
    state.unfreeze();
    state.freezeAtEpoch(1);
    const thread = await Thread.start(state.share());
    const seen = await thread.run(({ state: { mode, pid, pids, pidCount, isFrozen, currentEpoch } }) => {
      return { mode, pid, pids, pidCount, isFrozen, currentEpoch };
    });
    expect(seen).toEqual({ mode: 'process', pid: pids[0], pids, pidCount: 3, isFrozen: true, currentEpoch: 1 });
  });

  it('has mode none where the other has', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    expect(await thread.run((tools) => tools.state.mode)).toBe('none');
    // Held until here: a handle keeps nothing alive.
    state.close();
  });

  it('is a FreezeState of that thread', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    expect(await thread.run((tools) => tools.state instanceof tools.FreezeState)).toBe(true);
    // Held until here: a handle keeps nothing alive.
    state.close();
  });

  it('freezes and thaws what the other registered, and the other way round', async () => {
    const [mine, theirs] = sleepers(2).map(({ pid }) => pid) as [number, number];
    const state = new FreezeState(FreezeMode.Process, mine);
    const thread = await Thread.start(state.share());
    await thread.run((tools, pid) => tools.state.registerPid(pid), theirs);
    expect(state.pids).toEqual([mine, theirs]);
    expect(await thread.run((tools) => tools.state.freezeAtEpoch(0))).toBe(true);
    await stopped(mine, theirs);
    expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: true });
    state.unfreeze();
    await running(mine, theirs);
    state.freezeAtEpoch(1);
    await stopped(mine, theirs);
    expect(await thread.run((tools, pid) => tools.state.unregisterPid(pid), mine)).toBe(true);
    await running(mine);
    expect(state.pids).toEqual([theirs]);
    await thread.run((tools) => tools.state.forceUnfreeze());
    await running(theirs);
    expect(state.snapshot()).toEqual({ epoch: 2, isFrozen: false });
  });

  it('cancels a freeze that another thread has scheduled', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    const ticket = state.currentEpoch;
    await thread.run((tools) => tools.state.unfreeze());
    expect(state.freezeAtEpoch(ticket)).toBe(false);
  });

  it('costs no descriptor of its own', () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const before = openPidfds();
    const attached = Array.from({ length: 50 }, () => FreezeState.attach(state.share()));
    expect(openPidfds()).toBe(before);
    expect(attached).toHaveLength(50);
  });

  it('may be shared on, by a thread that did not make it', async () => {
    const state = new FreezeState();
    const first = await Thread.start(state.share());
    const handle = await first.run((tools) => tools.state.share());
    expect(handle).toEqual(state.share());
    const second = await Thread.start(handle);
    await second.run((tools) => tools.state.unfreeze());
    expect(state.currentEpoch).toBe(1);
  });

  it('may be made in a worker and attached on the main thread', async () => {
    const { pid } = sleeper();
    const thread = await Thread.start();
    const handle = await thread.run((tools, member) => {
      const made = new tools.FreezeState('process', member);
      tools.kept['made'] = made;
      return made.share();
    }, pid);
    const state = FreezeState.attach(handle);
    expect(state.pids).toEqual([pid]);
    expect(state.freezeAtEpoch(0)).toBe(true);
    expect(await thread.run((tools) => (tools.kept['made'] as FreezeState).isFrozen)).toBe(true);
  });
});

describe('two objects of one state in one thread', () => {
  it.each(['sharer', 'worker'])('have the same word, in the thread of the %s', async (where) => {
    const state = new FreezeState();
    if (where === 'sharer') {
      const same = FreezeState.attach(state.share());
      expect(same).not.toBe(state);
      same.unfreeze();
      expect(state.currentEpoch).toBe(1);
      return;
    }
    const thread = await Thread.start(state.share());
    const epochs = await thread.run((tools) => {
      const again = tools.FreezeState.attach(tools.state.share());
      again.unfreeze();
      return [tools.state.currentEpoch, again.currentEpoch];
    });
    expect(epochs).toEqual([1, 1]);
    expect(state.currentEpoch).toBe(1);
  });

  it('end each other’s waits in the same turn of the event loop', async () => {
    const state = new FreezeState();
    const same = FreezeState.attach(state.share());
    let turns = 0;
    setImmediate(() => {
      turns += 1;
    });
    const ends = [same, state].map((object) => object.waitForStateChange().then(() => turns));
    state.unfreeze();
    expect(await Promise.all(ends)).toEqual([0, 0]);
    const more = [same, state].map((object) => object.waitForStateChange().then(() => turns));
    same.unfreeze();
    expect(await Promise.all(more)).toEqual([0, 0]);
  });

  it('wake the waits of each other, and their own', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const same = FreezeState.attach(state.share());
    const waits = [state.waitForStateChange(), same.waitForStateChange()];
    same.freezeAtEpoch(0);
    expect(await Promise.all(waits)).toEqual([
      { epoch: 0, isFrozen: true },
      { epoch: 0, isFrozen: true },
    ]);
    const more = [state.waitForStateChange(), same.waitForStateChange()];
    state.unfreeze();
    expect(await Promise.all(more)).toEqual([
      { epoch: 1, isFrozen: false },
      { epoch: 1, isFrozen: false },
    ]);
  });
});

describe('a handle', () => {
  it('is a small frozen plain object, the same each time', () => {
    const state = new FreezeState();
    const handle = state.share();
    expect(handle).toEqual({
      type: 'FreezeHandle',
      process: expect.stringMatching(/^[0-9a-f]+$/),
      id: expect.any(Number),
    });
    expect(Object.isFrozen(handle)).toBe(true);
    expect(Object.getPrototypeOf(handle)).toBe(Object.prototype);
    expect(JSON.stringify(handle).length).toBeLessThan(100);
    expect(state.share()).toEqual(handle);
    expect(new FreezeState().share()).not.toEqual(handle);
  });

  it('arrives by workerData, by postMessage, by a structured clone and as JSON', async () => {
    const state = new FreezeState();
    const handle = state.share();
    const thread = await Thread.start(handle);
    const epoch = await thread.run((tools, sent) => {
      tools.FreezeState.attach(sent).unfreeze();
      return tools.state.currentEpoch;
    }, handle);
    expect(epoch).toBe(1);
    FreezeState.attach(structuredClone(handle)).unfreeze();
    FreezeState.attach(JSON.parse(JSON.stringify(handle))).unfreeze();
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(handle);
    FreezeState.attach(receiveMessageOnPort(port2)?.message).unfreeze();
    port1.close();
    expect(state.currentEpoch).toBe(4);
  });
});

describe('the state lives while any thread holds it:', () => {
  it('its maker ends, and another thread keeps it frozen until it ends too', async () => {
    const { pid } = sleeper();
    const maker = await Thread.start();
    const handle = await maker.run((tools, member) => {
      const made = new tools.FreezeState('process', member);
      made.freezeAtEpoch(0);
      tools.kept['made'] = made;
      return made.share();
    }, pid);
    await stopped(pid);
    const [second, third] = [await Thread.start(handle), await Thread.start(handle)];
    await maker.worker.terminate();
    expect(isStopped(pid)).toBe(true);
    expect(await second.run((tools) => tools.state.isFrozen)).toBe(true);
    await second.worker.terminate();
    expect(isStopped(pid)).toBe(true);
    expect(await third.run((tools) => tools.state.snapshot())).toEqual({ epoch: 0, isFrozen: true });
    await third.worker.terminate();
    await running(pid);
    expect(() => FreezeState.attach(handle)).toThrow(expect.objectContaining({ code: 'ERR_FREEZE_CLOSED' }));
  });

  it('its maker is collected, and a worker keeps it frozen until it ends too', async () => {
    const { pid } = sleeper();
    const result = await valueInNode(
      async ({ FreezeState, worker, letterOf, stoppedNow, turn }, member) => {
        const { once } = process.getBuiltinModule('node:events');
        const collected: string[] = [];
        const watch = new FinalizationRegistry((what: string) => collected.push(what));
        const thread = (() => {
          const state = new FreezeState('process', member);
          watch.register(state, 'state');
          state.freezeAtEpoch(0);
          stoppedNow(member);
          return worker((tools, handle) => {
            const { parentPort } = require('node:worker_threads');
            const attached = tools.FreezeState.attach(handle);
            parentPort.once('message', () => parentPort.postMessage(attached.isFrozen));
            parentPort.postMessage('here');
          }, state.share());
        })();
        await once(thread, 'message');
        for (let round = 0; round < 50 && collected.length === 0; round += 1) {
          globalThis.gc?.();
          await turn();
        }
        // A collection of young objects may take the state alone; what it holds natively goes with the next full one.
        for (let round = 0; round < 5; round += 1) {
          globalThis.gc?.();
          await turn();
        }
        const meanwhile = letterOf(member);
        // Before the question: the answer and the exit may be emitted in one turn.
        const exit = once(thread, 'exit');
        thread.postMessage('well?');
        const [isFrozen] = await once(thread, 'message');
        await exit;
        return { collected, meanwhile, isFrozen, afterwards: letterOf(member) };
      },
      [pid],
      { node: ['--expose-gc'] },
    );
    const afterwards = expect.stringMatching(/[RSD]/);
    expect(result).toEqual({ collected: ['state'], meanwhile: 'T', isFrozen: true, afterwards });
  });

  it('the last object is collected: it is thawed, and its handle cannot be attached', async () => {
    const { pid } = sleeper();
    const result = await valueInNode(
      async ({ FreezeState, letterOf, stoppedNow, turn, failure }, member) => {
        const handle = (() => {
          const state = FreezeState.attach(new FreezeState('process', member).share());
          state.freezeAtEpoch(0);
          stoppedNow(member);
          return state.share();
        })();
        for (let round = 0; round < 50 && letterOf(member) === 'T'; round += 1) {
          globalThis.gc?.();
          await turn();
        }
        return { letter: letterOf(member), code: failure(() => FreezeState.attach(handle)).code };
      },
      [pid],
      { node: ['--expose-gc'] },
    );
    expect(result).toEqual({ letter: expect.stringMatching(/[RSD]/), code: 'ERR_FREEZE_CLOSED' });
  });

  it('an attached object in a worker does not keep the process alive', async () => {
    const ending = await runInNode(({ FreezeState, worker }) => {
      const state = new FreezeState();
      worker((tools, handle) => {
        tools.FreezeState.attach(handle).freezeAtEpoch(0);
      }, state.share());
      // Held until the end: a handle keeps nothing alive.
      process.on('exit', () => state.close());
    }, []);
    expect(ending).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  });
});
