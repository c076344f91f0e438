import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root } from './run';

const script = join(root, 'scripts/check-layers.mjs');

/** A tree that keeps every rule, with one file in each layer. */
const tree: Readonly<Record<string, string>> = {
  'native/core/word.h': '#include <cstdint>\n',
  'native/core/os/process_control.h': '#include "../word.h"\n',
  'native/core/os/posix/kill_control.h': '#include <signal.h>\n#include "../process_control.h"\n',
  'native/core/os/linux/pidfd.h': '#include <poll.h>\n#include "../posix/kill_control.h"\n',
  'native/core/modes/tree.h': '#include "../os/process_control.h"\n',
  'native/core/os/freezable_cgroup.h': '#include "../word.h"\n',
  'native/core/os/linux/freezable_cgroup.cpp': '#include <unistd.h>\n#include "../freezable_cgroup.h"\n',
  'native/core/modes/cgroup/freezer.h': '#include "../../os/freezable_cgroup.h"\n#include "../tree.h"\n',
  'native/core/modes/freezer.h': '#include "../word.h"\n',
  'native/core/state/freeze_state.h': '#include "../modes/freezer.h"\n#include "../word.h"\n',
  'native/core/os/linux/ledger_layout.h': '#include <cstdint>\n',
  'native/guardian/system.h': '#include <unistd.h>\n',
  'native/guardian/main.cpp': '#include "../core/os/linux/ledger_layout.h"\n#include "system.h"\n',
  'native/joiner/main.cpp': '#include <unistd.h>\n',
  'native/core/platform/platform.h': '#include "../modes/tree.h"\n#include "../os/linux/pidfd.h"\n',
  'native/binding/addon.cpp':
    '#include <napi.h>\n#include "../core/platform/platform.h"\n#include "../core/state/freeze_state.h"\n',
  'lib/load.ts': "createRequire(file)('../build/Release/freeze_state.node');\n",
  'lib/native.ts': "import { loaded } from './load';\n",
  'lib/api.ts': "export { FreezeState } from './freeze-state';\n",
  'lib/load-here.ts': "import { load } from './load';\n",
  'lib/index.ts': "import { load } from './load-here';\nexport * from './api';\n",
  'lib/targets/linux-x64-glibc.ts': "import { load } from '../load';\nexport * from '../api';\n",
  'lib/sandbox/index.ts': "import { load } from '../load-here';\nexport * from './api';\n",
  'lib/sandbox/api.ts': "import { FreezeState } from '../api';\nimport { shown } from '../show';\n",
  'lib/doctor/main.ts': "import { FreezeState } from '../index';\n",
};

const onlyEntries = 'only lib/native.ts and the entries of the package import lib/load.ts';

describe('the check of the layers', () => {
  let folder: string;

  function check(planted: Readonly<Record<string, string>> = {}) {
    for (const [file, text] of Object.entries({ ...tree, ...planted })) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
    const { status, stderr } = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' });
    return { status, stderr };
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'freeze-state-layers-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('passes what keeps the rules', () => {
    expect(check()).toEqual({ status: 0, stderr: '' });
  });

  it.each([
    ['native/core/os/a.h', '#include "../modes/tree.h"', 'reaches up to native/core/modes/tree.h'],
    ['native/core/modes/a.h', '#include "../state/freeze_state.h"', 'reaches up to native/core/state/freeze_state.h'],
    ['native/core/a.h', '#include "os/process_control.h"', 'reaches up to native/core/os/process_control.h'],
    ['native/core/state/a.h', '#include "../../binding/addon.cpp"', 'reaches up to native/binding/addon.cpp'],
    [
      'native/core/state/a.h',
      '#include "../platform/platform.h"',
      'only the binding asks the factory (native/core/platform)',
    ],
    [
      'native/core/platform/a.h',
      '#include "../state/freeze_state.h"',
      'the factory knows no state: native/core/state/freeze_state.h',
    ],
    [
      'native/core/modes/a.h',
      '#include "../os/linux/pidfd.h"',
      'is not of one system, and includes native/core/os/linux/pidfd.h',
    ],
    [
      'native/core/os/posix/a.h',
      '#include "../linux/pidfd.h"',
      'is not of one system, and includes native/core/os/linux/pidfd.h',
    ],
    ['native/core/modes/a.h', '#include <unistd.h>', 'only a folder of native/core/os may include <unistd.h>'],
    ['native/core/modes/a.h', '#include "unistd.h"', 'only a folder of native/core/os may include <unistd.h>'],
    ['native/core/modes/a.h', '  #  include <csignal>', 'only a folder of native/core/os may include <csignal>'],
    ['native/core/modes/a.hpp', '#include<unistd.h>', 'only a folder of native/core/os may include <unistd.h>'],
    ['native/core/os/posix/a.cpp', '#include <sys/syscall.h>', '<sys/syscall.h> is no header of POSIX'],
    ['native/core/os/posix/a.cpp', '#include <linux/sched.h>', '<linux/sched.h> is no header of POSIX'],
    ['native/core/state/a.h', '#include <node_api.h>', 'the core knows no Node: <node_api.h>'],
    ['native/core/state/a.h', '#include "napi.h"', 'the core knows no Node: <napi.h>'],
    ['native/core/os/linux/a.h', '#include <uv/unix.h>', 'the core knows no Node: <uv/unix.h>'],
    ['native/core/os/linux/a.h', '#include <v8config.h>', 'the core knows no Node: <v8config.h>'],
    ['lib/a.ts', 'process.dlopen(module, file);', 'only lib/load.ts loads the addon'],
    ['lib/a.ts', "require('../build/Release/freeze_state.node');", 'only lib/load.ts loads the addon'],
    ['lib/native.ts', 'createRequire(file)(file);', 'only lib/load.ts loads the addon'],
    ['lib/a.ts', "import { load } from './load';", onlyEntries],
    ['lib/a.mts', "import { load } from './load.js';", onlyEntries],
    ['lib/sandbox/a.ts', "import { load } from '../load-here';", onlyEntries],
    [
      'lib/targets/a.ts',
      "import { native } from '../native';",
      'lib/targets knows the package by its interface, and imports lib/native',
    ],
    ['native/core/os/posix/a.h', '#include <napi.h>', 'the core knows no Node: <napi.h>'],
    ['native/core/state/a.h', '#include "../modes/tree.h"', 'a state knows no mode: native/core/modes/tree.h'],
    ['native/core/state/a.h', '#include "../modes/process.h"', 'a state knows no mode: native/core/modes/process.h'],
    [
      'native/core/state/a.h',
      '#include "../modes/cgroup/freezer.h"',
      'only the factory knows native/core/modes/cgroup/freezer.h',
    ],
    [
      'native/core/modes/a.h',
      '#include "cgroup/freezer.h"',
      'only the factory knows native/core/modes/cgroup/freezer.h',
    ],
    [
      'native/core/modes/cgroup/a.h',
      '#include "../../os/windows/a.h"',
      'is not of one system, and includes native/core/os/windows/a.h',
    ],
    [
      'native/core/modes/cgroup/a.h',
      '#include "../../os/linux/pidfd.h"',
      'is not of one system, and includes native/core/os/linux/pidfd.h',
    ],
    ['native/core/modes/cgroup/a.h', '#include <unistd.h>', 'only a folder of native/core/os may include <unistd.h>'],
    [
      'native/core/os/freezable_cgroup.h',
      '#include <unistd.h>',
      'only a folder of native/core/os may include <unistd.h>',
    ],
    [
      'native/guardian/a.cpp',
      '#include "../core/state/freeze_state.h"',
      'the guardian knows no native/core/state/freeze_state.h',
    ],
    ['native/joiner/a.cpp', '#include "../core/word.h"', 'the joiner knows no native/core/word.h'],
    [
      'lib/a.ts',
      "import { Sandbox } from './sandbox';",
      'what a folder holds is built on this one, and it imports lib/sandbox',
    ],
    [
      'lib/a.ts',
      "const { main } = await import('./doctor/main.js');",
      'what a folder holds is built on this one, and it imports lib/doctor/main',
    ],
    [
      'lib/sandbox/a.ts',
      "import type { StateHandle } from '../native';",
      'lib/sandbox knows the package by its interface, and imports lib/native',
    ],
    [
      'lib/sandbox/a.ts',
      "import { errorOf } from '../failures';",
      'lib/sandbox knows the package by its interface, and imports lib/failures',
    ],
    [
      'lib/doctor/a.ts',
      "import { native } from '../native';",
      'lib/doctor knows the package by its interface, and imports lib/native',
    ],
  ])('tells of a breach: %s with %s', (file, line, message) => {
    expect(check({ [file]: `${line}\n` })).toEqual({ status: 1, stderr: `${file}: ${message}\n` });
  });
});
