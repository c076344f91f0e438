import { dirname } from 'node:path';
import { afterAll } from 'vitest';
import { numbersIn, write } from './cgroups';
import { cgroupMount } from './proc';

// For one file of tests alone: files run at the same time, and what the root hands down is one thing for all of them.

/** A controller that can be enabled for the groups below one, which takes no processes then; '' where there is none. */
export const controller = findController();
let isRootOurs = false;

function findController(): string {
  // These are for threads too, and keep out processes only where a group below has some.
  const forThreads = ['cpu', 'cpuset', 'perf_event', 'pids'];
  try {
    const root = cgroupMount();
    const [first = ''] = numbersIn(root, 'cgroup.controllers').filter((name) => !forThreads.includes(name));
    if (first === '') return '';
    const wasEnabled = numbersIn(root, 'cgroup.subtree_control').includes(first);
    write(root, 'cgroup.subtree_control', `+${first}`);
    if (!wasEnabled) write(root, 'cgroup.subtree_control', `-${first}`);
    return first;
  } catch {
    return '';
  }
}

/** Enables the controller for what is below a cgroup that has no processes, and in all above it. */
export function handDown(path: string): void {
  const root = cgroupMount();
  if (path !== root) handDown(dirname(path));
  if (numbersIn(path, 'cgroup.subtree_control').includes(controller)) return;
  write(path, 'cgroup.subtree_control', `+${controller}`);
  isRootOurs ||= path === root;
}

afterAll(() => {
  if (!isRootOurs) return;
  try {
    write(cgroupMount(), 'cgroup.subtree_control', `-${controller}`);
  } catch {
    // Another process uses it by now.
  }
});
