// Serves the two routes as Next.js would, enqueues a job, and prints its result as polling and callback tell it.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

type Route = { POST(request: Request): Promise<Response> };
const routes = new Map<string, Route>();

const server = createServer(async (incoming, outgoing) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers = new Headers(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  const url = `${process.env.APP_URL}${incoming.url}`;
  const route = routes.get(incoming.url ?? "");
  const answer = route
    ? await route.POST(new Request(url, { method: "POST", headers, body: Buffer.concat(chunks) }))
    : new Response(null, { status: 404 });
  outgoing.writeHead(answer.status);
  outgoing.end(Buffer.from(await answer.arrayBuffer()));
}).listen(0, "127.0.0.1");
await once(server, "listening");
process.env.APP_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const { waitForResult } = await import("@huntaze/jobs");
const callback = await import("./api/callback/route.js");
routes.set("/api/notify", await import("./api/notify/route.js"));
routes.set("/api/callback", callback);

const post = (body: string) => fetch(`${process.env.APP_URL}/api/notify`, { method: "POST", body });
const refused = await post(JSON.stringify({ title: "two\nlines" }));
const accepted = await post(JSON.stringify({ title: "Hello from TypeScript" }));
const { jobId } = (await accepted.json()) as { jobId: string };
const signal = AbortSignal.timeout(60_000);
const polled = await waitForResult("alert-checker", jobId, {
  url: process.env.ALERTS_URL ?? "",
  token: process.env.STATUS_TOKEN ?? "",
  signal,
  interval: 100,
});
while (!callback.outcomes.has(jobId)) await pause(50, undefined, { signal });
const forged = await fetch(`${process.env.APP_URL}/api/callback`, { method: "POST", body: "{}" });
console.log(
  JSON.stringify({
    refused: [refused.status, await refused.json()],
    accepted: accepted.status,
    polled,
    heard: callback.outcomes.get(jobId),
    forged: forged.status,
  }),
);
server.closeAllConnections();
server.close();
