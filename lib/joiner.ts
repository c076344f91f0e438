import { joinerFile, native, type ReportPipe } from './native';

export type { ReportPipe };

let found: string | false | undefined;

/**
 * The program by which a child moves itself into a control group before it becomes its own program; native/joiner/main.cpp says
 * how. `undefined` where it is missing, or may not be executed; this is found out once.
 */
export function joinerProgram(): string | undefined {
  found ??= mayExecute(joinerFile, false) && joinerFile;
  return found === false ? undefined : found;
}

/** A pipe for what the joiners report. `undefined` if no descriptor is left. */
export function openReportPipe(): ReportPipe | undefined {
  return native.openReportPipe();
}

/**
 * Whether a file is a program that this process may execute; with `byAnyone`, any user. One native call: each spawn asks, and two
 * calls of `node:fs` take longer than the answer.
 */
export function mayExecute(file: string, byAnyone: boolean): boolean {
  const mode = native.executableMode(file);
  return mode >= 0 && (!byAnyone || (mode & 0o111) === 0o111);
}
