// node scripts/clang-tidy-units.mjs BUILD ONLY: writes the sources in BUILD/compile_commands.json that match the regular
// expression ONLY into units that clang-tidy can check by BUILD/clang-tidy/compile_commands.json, and prints the units.
//
// clang-tidy spends most of its time in the headers of the standard library, once for each source. So sources of one
// folder that are compiled by the same command are checked together, by a unit that includes them. A source that defines
// main() is a unit of its own. The largest units come first, so that no processor waits for the last one.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** In bytes. Two processors are to have several units each, of about the same size. */
const largest = 60_000;

// The analyzer follows the paths of included functions only where it is told to. In a unit it follows calls into other sources
// as well, so for one function it takes a ninth of its usual 225,000 steps: with all of them, all units took 12 minutes on two
// processors instead of 5.
const analyzer = '-Xclang -analyzer-opt-analyze-headers -Xclang -analyzer-config -Xclang max-nodes=25000';

const [build, only] = process.argv.slice(2);
const folder = resolve(build, 'clang-tidy');
const all = JSON.parse(readFileSync(join(build, 'compile_commands.json'), 'utf8'));
// A source of the core is compiled for the addon and for the tests.
const commands = new Map(all.filter(({ file }) => new RegExp(only).test(file)).map((one) => [one.file, one]));

const units = new Map();
for (const { file, command, directory } of commands.values()) {
  const flags = command.slice(0, command.lastIndexOf(' -o '));
  const { size } = statSync(file);
  const isAlone = /^int main\(/m.test(readFileSync(file, 'utf8'));
  const key = isAlone ? file : `${dirname(file)} ${flags}`;
  const list = units.get(key) ?? [];
  const last = list.at(-1);
  if (last !== undefined && last.size + size <= largest) {
    last.files.push(file);
    last.size += size;
  } else {
    list.push({ files: [file], size, flags, directory });
  }
  units.set(key, list);
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const database = [...units.values()]
  .flat()
  .sort((a, b) => b.size - a.size)
  .map(({ files, flags, directory }, index) => {
    const name = dirname(files[0]).split('/native/').at(-1).replaceAll('/', '-');
    const file = join(folder, `${name}-${index}.cpp`);
    writeFileSync(file, files.map((one) => `#include "${one}"  // NOLINT(bugprone-suspicious-include)\n`).join(''));
    return { directory, file, command: `${flags} ${analyzer} -c ${file}` };
  });
writeFileSync(join(folder, 'compile_commands.json'), JSON.stringify(database));
console.log(database.map(({ file }) => file).join('\n'));
