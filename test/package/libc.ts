/** This machine's C library as the file names in prebuilds/ spell it. */
export const libc =
  'glibcVersionRuntime' in (process.report.getReport() as { header: object }).header ? 'glibc' : 'musl';

/** prebuilds/, as prebuildify lays it out. */
export const prebuild = `prebuilds/${process.platform}-${process.arch}/freeze-state.${libc}.node`;
