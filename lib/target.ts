import { closeSync, openSync, readSync } from 'node:fs';

/** What this process runs on, as the package names its binaries: `linux-x64-glibc`, `darwin-arm64`. */
export function thisTarget(): string {
  const { platform, arch } = process;
  return platform === 'linux' ? `linux-${arch}-${libc()}` : `${platform}-${arch}`;
}

/**
 * The C library of this process, by the loader that its program names. Node's report says it too, but takes ten times as long,
 * and is about all threads: it waits for each blocked worker.
 */
function libc(): 'glibc' | 'musl' {
  const name = /\/ld-(linux|musl)-/.exec(loaderOf(process.execPath))?.[1];
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

/** The loader that a program names; '' where it names none, may not be read, or is not of 64 bits and little-endian. */
function loaderOf(program: string): string {
  try {
    const fd = openSync(program, 'r');
    try {
      return interpreterIn(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}

const programHeaderSize = 56;
const ptInterp = 3;

/** By elf(5), Elf64_Ehdr and Elf64_Phdr. Throws where the file ends too early. */
function interpreterIn(fd: number): string {
  const header = bytesAt(fd, 0, 64);
  if (header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return '';
  const table = bytesAt(fd, positionAt(header, 32), programHeaderSize * header.readUInt16LE(56));
  for (let at = 0; at < table.length; at += programHeaderSize) {
    if (table.readUInt32LE(at) !== ptInterp) continue;
    // A path is no longer (PATH_MAX), whatever size a damaged file gives.
    const size = Math.min(positionAt(table, at + 32), 4096);
    return bytesAt(fd, positionAt(table, at + 8), size).toString('latin1');
  }
  return '';
}

/** Past 2^53 it is rounded, and too large for readSync. */
const positionAt = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

/** As many as there are. */
function bytesAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, position));
}
