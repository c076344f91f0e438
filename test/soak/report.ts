/** What can be left on purpose. */
export const plants = ['descriptor', 'file', 'stopped', 'cgroup', 'thread', 'memory', 'process'] as const;

/** After a round: what was done in it, and what the process has then. Memory is in kB. */
export interface Report {
  readonly round: number;
  readonly counts: Record<string, number>;
  readonly descriptors: number;
  readonly threads: number;
  readonly heap: number;
  readonly resident: number;
}
