import { readCallback, type Outcome, type WorkerName } from "@huntaze/jobs";
import { Receiver } from "@upstash/qstash";

const receiver = new Receiver({
  currentSigningKey: process.env.QSTASH_CURRENT_SIGNING_KEY ?? "",
  nextSigningKey: process.env.QSTASH_NEXT_SIGNING_KEY ?? "",
});

/** What came in; an application would write it to its database. */
export const outcomes = new Map<string, Outcome<WorkerName>>();

/** Hear how a job ended: `app/api/callback/route.ts`. The signature is over the raw body. */
export async function POST(request: Request): Promise<Response> {
  const body = await request.text();
  const signature = request.headers.get("upstash-signature") ?? "";
  try {
    await receiver.verify({ signature, body, url: `${process.env.APP_URL}/api/callback` });
  } catch {
    return new Response("not signed for this address", { status: 401 });
  }
  const outcome = readCallback(body);
  outcomes.set(outcome.jobId, outcome);
  return new Response();
}
