// node main.mjs [PROVIDER [FOLDER [RUNTIME]]]: invokes the function in the folder for each line of the input, and prints
// what it answers. The provider is `freezing`, or `native`, which is @vercel/fun's own.
import { createInterface } from 'node:readline';
import { createFunction } from '@vercel/fun';
import './provider.mjs';

const [Provider = 'freezing', Directory = new URL('function', import.meta.url).pathname, Runtime = 'nodejs'] =
  process.argv.slice(2);
const invoke = await createFunction({ Provider, Runtime, Handler: 'index.handler', Code: { Directory } });

for await (const line of createInterface({ input: process.stdin })) {
  const { Payload, FunctionError } = await invoke.invoke({ InvocationType: 'RequestResponse', Payload: line });
  console.log(FunctionError === undefined ? Payload : `${FunctionError}: ${Payload}`);
}
await invoke.destroy();
