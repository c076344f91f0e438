import { loadTarget } from '../load';

loadTarget('linux-arm64-musl', () => require('../../prebuilds/linux-arm64-musl.js'));

export * from '../api';
export * from '../sandbox/api';
