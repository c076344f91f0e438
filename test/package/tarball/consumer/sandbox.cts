// Compiled alone: the types of Node are in this entry's interface, too.

import { FreezeState, Sandbox as Same } from 'freeze-state/linux-x64-glibc';
import { Sandbox } from 'freeze-state/sandbox';

export const end = new Sandbox({ mode: 'none' }).spawn('true').on('exit', (code: number | null) => console.log(code));
export const same: typeof Sandbox = Same;
export const { capabilities } = FreezeState;
