// The one implementation is CommonJS; this gives `import` the same class.
export * from './index.js';
