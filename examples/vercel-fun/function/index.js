// A function with a child, whose heart beats: it appends a byte to a file, twenty times a second.
const { spawn } = require('node:child_process');
const { fstat, mkdtempSync, openSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { promisify } = require('node:util');

const folder = mkdtempSync(join(tmpdir(), 'heart-'));
const file = openSync(join(folder, 'beats'), 'a');
rmSync(folder, { recursive: true });

const heart = `
  setInterval(() => process.stdout.write('.'), 50);
  process.stdin.on('end', () => process.exit()).resume(); // it ends with the function
`;
const child = spawn(process.execPath, ['-e', heart], { stdio: ['pipe', file, 'inherit'] });

let before = 0;
exports.handler = async () => {
  const { size } = await promisify(fstat)(file);
  const beats = size - before;
  before = size;
  return { runtime: process.pid, child: child.pid, beats };
};
