/** What loaders are called, by the C library that they are of. */
export const loaders = {
  glibc: '/nix/store/glibc/lib/ld-linux-x86-64.so.2',
  musl: '/lib/ld-musl-x86_64.so.1',
} as const;

interface Layout {
  /** The offset of the program headers. */
  readonly table?: number;
  /** The offset of the loader's path. */
  readonly path?: number;
}

/** What a program has that names its loader, for 64 bits and little-endian, by elf(5): headers and the path. */
export function programWith(loader: string, { table = 64, path = table + 2 * 56 }: Layout = {}): Buffer {
  const file = Buffer.alloc(Math.max(table + 2 * 56, path + loader.length + 1));
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeBigUInt64LE(BigInt(table), 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  // PT_PHDR, which comes first, and PT_INTERP.
  file.writeUInt32LE(6, table);
  file.writeUInt32LE(3, table + 56);
  file.writeBigUInt64LE(BigInt(path), table + 56 + 8);
  file.writeBigUInt64LE(BigInt(loader.length + 1), table + 56 + 32);
  file.write(loader, path, 'latin1');
  return file;
}
