/** This machine's C library as the file names in prebuilds/ spell it. */
export const libc =
  'glibcVersionRuntime' in (process.report.getReport() as { header: object }).header ? 'glibc' : 'musl';

export const otherLibc = libc === 'glibc' ? 'musl' : 'glibc';

/** The package's name of this machine's kind. */
export const target = `${process.platform}-${process.arch}-${libc}`;

const folder = `prebuilds/${process.platform}-${process.arch}`;

/** prebuilds/, as prebuildify lays it out. */
export const prebuild = `${folder}/freeze-state.${libc}.node`;

/** The program beside it, for every libc. */
export const guardianProgram = `${folder}/freeze-state-guardian`;
export const joinerProgram = `${folder}/freeze-state-joiner`;
