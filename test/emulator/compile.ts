import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');
const sources = join(root, 'examples', 'lambda-emulator');
const compiled = join(root, '.cache', 'lambda-emulator');

/** The emulator's command line, compiled. By tsx each of its runs, of which there are many, would take 0.6 s longer. */
export const emulator = join(compiled, 'main.js');

/** Before the first test. Types are checked by `npm run types`. */
export default async function compile(): Promise<void> {
  // Not at the top: the tests import this file for the path.
  const { ModuleKind, ScriptTarget, transpileModule } = (await import('typescript')).default;
  rmSync(compiled, { recursive: true, force: true });
  mkdirSync(compiled, { recursive: true });
  const compilerOptions = { module: ModuleKind.CommonJS, target: ScriptTarget.ES2023, esModuleInterop: true };
  for (const file of readdirSync(sources).filter((name) => name.endsWith('.ts'))) {
    const { outputText } = transpileModule(readFileSync(join(sources, file), 'utf8'), { compilerOptions });
    writeFileSync(join(compiled, file.replace(/\.ts$/, '.js')), outputText);
  }
}
