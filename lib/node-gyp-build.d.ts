/** The part that is used of node-gyp-build, which ships no types. */
declare module 'node-gyp-build' {
  const nodeGypBuild: {
    /** The path of the binary for this platform; throws where there is none. */
    resolve(packageRoot: string): string;
  };
  export = nodeGypBuild;
}
