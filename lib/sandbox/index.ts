import { loadForThisMachine } from '../load-here';

loadForThisMachine();

export * from './api';
