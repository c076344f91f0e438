// node runtime.mjs MODULE, forked: calls the module's handler for each message, and answers with another.
const { handler } = await import(process.argv[2]);

process.on('message', async (event) => {
  try {
    process.send({ result: await handler(event) });
  } catch (error) {
    process.send({ error: error.code ?? error.message });
  }
});
process.send('ready');
