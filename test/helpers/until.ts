/** Milliseconds for what is to happen at once, on a machine where a process may wait seconds for its turn. */
const patience = 30_000;

/** Waits for the condition, and fails where it does not come true within `deadline` ms. */
export async function until(condition: () => boolean, what: string, deadline = patience): Promise<void> {
  const end = performance.now() + deadline;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Within ${deadline} ms it did not come true that ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The same without a turn of the event loop, in which Node would reap children that have exited. */
export function untilNow(condition: () => boolean, what: string, deadline = patience): void {
  const end = performance.now() + deadline;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Within ${deadline} ms it did not come true that ${what}.`);
  }
}

/** After this many turns of the event loop, whatever was ready has been handled. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
