import { loadTarget } from '../load';

loadTarget('linux-x64-musl', () => require('../../prebuilds/linux-x64-musl.js'));

export * from '../api';
export * from '../sandbox/api';
