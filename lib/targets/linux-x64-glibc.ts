import { loadTarget } from '../load';

loadTarget('linux-x64-glibc', () => require('../../prebuilds/linux-x64-glibc.js'));

export * from '../api';
export * from '../sandbox/api';
