// A runtime in a few lines: node runtime.mjs HEARTBEAT-FILE EVERY-MS HEARTBEAT-FILE-OF-ITS-CHILD
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHeartbeat } from './heartbeat.mjs';

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
const [file, everyMs, childFile] = process.argv.slice(2);
startHeartbeat(file, Number(everyMs));
// It is not registered, and is frozen with the rest.
spawn(process.execPath, [join(import.meta.dirname, 'child.mjs'), childFile, everyMs], { stdio: ['pipe', 2, 2] });

async function handler(event) {
  await sleep(event.workMs);
  return { worked: event.workMs };
}

for (;;) {
  const next = await fetch(`${api}/next`);
  const id = next.headers.get('Lambda-Runtime-Aws-Request-Id');
  const body = JSON.stringify(await handler(await next.json()));
  const answer = await fetch(`${api}/${id}/response`, { method: 'POST', body });
  await answer.arrayBuffer();
}
