/** The first signal ends the sandbox in order. The second one ends it at once: we exit, and its processes end with us. */
export function endOnSignals(sandbox: { stop(): Promise<void> }): { exitCode?: number } {
  const interrupted: { exitCode?: number } = {};
  for (const [signal, number] of [
    ['SIGHUP', 1] as const,
    ['SIGINT', 2] as const,
    ['SIGQUIT', 3] as const,
    ['SIGTERM', 15] as const,
  ]) {
    process.on(signal, () => {
      if (interrupted.exitCode !== undefined) process.exit(128 + number);
      interrupted.exitCode = 128 + number;
      void sandbox.stop();
    });
  }
  return interrupted;
}
