import { quoted } from '../show';
import type { Findings, ModeFinding } from './examine';
import { type ExaminedMode, modes } from './modes';
import type { StoppedProcess } from './stopped';

/** For people, in a terminal. */
export function asText(findings: Findings): string {
  const { version, node, platform, arch, kernel, uid, signalling, boost, guardian, stopped, recommended } = findings;
  const user = uid === undefined ? '' : `, ${uid === 0 ? 'root' : `user ${uid}`}`;
  const lines = [`freeze-state ${version} on Node ${node}, ${platform} ${arch}, kernel ${kernel}${user}`, ''];
  for (const mode of modes) {
    const finding = findings.modes[mode];
    if (finding !== undefined) lines.push(...modeLines(mode, finding));
  }
  lines.push(
    '',
    row('signalling', signalling),
    row('boost', boost ? 'has an effect' : 'has no effect: this user may not enter a real-time class'),
    row('guardian', guardian.available ? 'thaws what is frozen if the process dies' : `none. ${guardian.reason}`),
    ...stoppedLines(stopped),
    '',
    recommended === undefined ? 'No mode works here.' : `Take mode ${recommended}.`,
  );
  return `${lines.join('\n')}\n`;
}

function row(head: string, text: string): string {
  return `${head.padEnd(15)} ${text}`;
}

function modeLines(mode: ExaminedMode, finding: ModeFinding): string[] {
  const { works, code, reason, remedy, freezeMs = 0, thawMs = 0 } = finding;
  if (works)
    return [row(mode, `works: a child was frozen in ${milliseconds(freezeMs)}, thawed in ${milliseconds(thawMs)}`)];
  return [row(mode, `does not work (${code}). ${reason}`), ...(remedy === undefined ? [] : [row('', remedy)])];
}

function milliseconds(value: number): string {
  return `${value.toFixed(2)} ms`;
}

const ways: Record<StoppedProcess['by'], string> = {
  signal: 'by a signal',
  tracer: 'by a tracer',
  cgroup: 'with its control group',
};

/** As many as fit on a screen; `--json` has all. */
const most = 20;

function stoppedLines(stopped: readonly StoppedProcess[] | undefined): string[] {
  if (stopped === undefined) return [row('stopped now', 'unknown: there is no /proc')];
  if (stopped.length === 0) return [row('stopped now', 'no process that /proc shows')];
  const shown = stopped.slice(0, most).map(({ pid, name, by }) => `${pid} ${quoted(name)}, ${ways[by]}`);
  if (stopped.length > most) shown.push(`and ${stopped.length - most} more: --json lists them`);
  return shown.map((text, index) => row(index === 0 ? 'stopped now' : '', text));
}
