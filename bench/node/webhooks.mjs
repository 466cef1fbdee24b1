// One side of `bench/webhooks.py`: a line `<calls>` in, CPU microseconds per call out. The first line in is the task:
// {secret, headers, body}, the body as text.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { secret, headers, body } = JSON.parse((await lines.next()).value);
const webhook = new Webhook(secret);

for await (const line of lines) {
  const calls = Number(line);
  const began = process.cpuUsage();
  for (let n = 0; n < calls; n++) webhook.verify(body, headers);
  const took = process.cpuUsage(began);
  console.log((took.user + took.system) / calls);
}
