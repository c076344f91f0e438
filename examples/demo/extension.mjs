// An extension in a few lines: node extension.mjs HEARTBEAT-FILE EVERY-MS NAME WORK-MS
import { setTimeout as sleep } from 'node:timers/promises';
import { startHeartbeat } from './heartbeat.mjs';

const [file, everyMs, name, workMs] = process.argv.slice(2);
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2020-01-01/extension`;
startHeartbeat(file, Number(everyMs));

const registration = await fetch(`${api}/register`, {
  method: 'POST',
  headers: { 'Lambda-Extension-Name': name },
  body: JSON.stringify({ events: ['INVOKE', 'SHUTDOWN'] }),
});
await registration.arrayBuffer();
const headers = { 'Lambda-Extension-Identifier': registration.headers.get('Lambda-Extension-Identifier') };

for (;;) {
  const next = await fetch(`${api}/event/next`, { headers });
  const { eventType } = await next.json();
  if (eventType === 'SHUTDOWN') process.exit(0);
  // It goes on working after the response, as an extension that sends telemetry does. The freeze waits for it.
  await sleep(Number(workMs));
}
