import { loadTarget } from '../load';

loadTarget('linux-arm64-glibc', () => require('../../prebuilds/linux-arm64-glibc.js'));

export * from '../api';
export * from '../sandbox/api';
