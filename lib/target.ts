import { closeSync, openSync, readSync } from 'node:fs';

/** What this process runs on, as the package names its binaries: `linux-x64-glibc`, `darwin-arm64`. */
export function thisTarget(): string {
  const { platform, arch } = process;
  return platform === 'linux' ? `linux-${arch}-${libc()}` : `${platform}-${arch}`;
}

/**
 * The C library of this process, by the loader that its program names (elf(5), PT_INTERP), in the first page of the file. Node's
 * report says it too, but takes ten times as long, and is about all threads: it waits for each blocked worker.
 */
function libc(): 'glibc' | 'musl' {
  const name = /\/ld-(linux|musl)-/.exec(firstPage(process.execPath))?.[1];
  if (name !== undefined) return name === 'musl' ? 'musl' : 'glibc';
  return reportHeader().glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** Without the names of the peers of sockets, for which it would ask the DNS. The types of Node 20 lack the setting. */
function reportHeader(): { readonly glibcVersionRuntime?: string } {
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean | undefined } = process.report;
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    return (report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
  } finally {
    report.excludeNetwork = before;
  }
}

/** As far as it may be read. */
function firstPage(file: string): string {
  const page = Buffer.alloc(4096);
  try {
    const fd = openSync(file, 'r');
    try {
      return page.toString('latin1', 0, readSync(fd, page));
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}
