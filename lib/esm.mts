// The one implementation is CommonJS; this gives `import` the same classes.
export * from './index.js';
