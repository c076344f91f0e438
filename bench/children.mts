import { type ChildProcess, spawn } from 'node:child_process';

const started: ChildProcess[] = [];
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

/** Sleeping children that Node spawned, as an emulator's are; they end with this process. */
export async function sleepers(count: number): Promise<number[]> {
  const children = Array.from({ length: count }, () => spawn('sleep', ['600'], { stdio: 'ignore' }));
  started.push(...children);
  for (const child of children) child.unref();
  return await Promise.all(
    children.map(
      (child) =>
        new Promise<number>((resolve, reject) => {
          child.once('error', reject);
          child.once('spawn', () => resolve(child.pid as number));
        }),
    ),
  );
}
