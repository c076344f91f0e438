import { accessSync, constants, statSync } from 'node:fs';
import { joinerFile } from './native';

let found: string | false | undefined;

/**
 * The program by which a child moves itself into a control group before it becomes its own program; native/joiner/main.cpp says
 * how. `undefined` where it is missing, or may not be executed; this is found out once.
 */
export function joinerProgram(): string | undefined {
  found ??= isExecutable(joinerFile) && joinerFile;
  return found === false ? undefined : found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
