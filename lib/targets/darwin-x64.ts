import { loadTarget } from '../load';

loadTarget('darwin-x64', () => require('../../prebuilds/darwin-x64.js'));

export * from '../api';
export * from '../sandbox/api';
