import type { FreezeReport, FrozenReport } from 'freeze-state';

/** The report of a confirmation that has to have frozen. */
export async function frozen(confirming: Promise<FreezeReport>): Promise<FrozenReport> {
  const report = await confirming;
  if (!report.isFrozen) throw new Error(`It did not freeze at epoch ${report.epoch}: ${report.reason}`);
  return report;
}
