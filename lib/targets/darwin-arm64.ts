import { loadTarget } from '../load';

loadTarget('darwin-arm64', () => require('../../prebuilds/darwin-arm64.js'));

export * from '../api';
export * from '../sandbox/api';
