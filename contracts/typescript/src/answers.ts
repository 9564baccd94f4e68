import * as v from "valibot";
import { workers } from "./contracts.js";
import type { Result, WorkerName } from "./jobs.js";

/** How a job ended. */
export type Outcome<W extends WorkerName> =
  | { worker: W; jobId: string; ok: true; result: Result<W> }
  | { worker: W; jobId: string; ok: false; status: number; code: string; detail: string };

const State = v.object({
  state: v.string(),
  result: v.optional(v.unknown()),
  error: v.optional(v.nullable(v.object({ code: v.string(), message: v.optional(v.string()) }))),
});

export interface ResultOptions {
  /** The base URL of the worker's service. */
  url: string;
  /** A status token of the job's owner. */
  token: string;
  /** Ends the waiting. */
  signal?: AbortSignal;
  /** Milliseconds between looks; what the service asks for when absent. */
  interval?: number;
}

/**
 * Wait until a job has ended.
 *
 * @throws Error the service refused the token, the signal ended the waiting, or the result is not one of the worker's.
 */
export async function waitForResult<W extends WorkerName>(
  worker: W,
  jobId: string,
  { url, token, signal, interval }: ResultOptions,
): Promise<Outcome<W>> {
  const address = `${url.replace(/\/+$/, "")}/jobs/${encodeURIComponent(jobId)}`;
  for (;;) {
    const answer = await fetch(address, {
      headers: { authorization: `Bearer ${token}` },
      signal: signal ?? null,
    });
    // Not known yet: the message may still be on its way to the worker.
    if (answer.ok) {
      const ended = read(worker, jobId, v.parse(State, await answer.json()));
      if (ended) return ended;
    } else if (answer.status < 500 && answer.status !== 404 && answer.status !== 429) {
      throw new Error(`the status API of ${worker} answered ${answer.status}`);
    }
    const asked = Number(answer.headers.get("retry-after") ?? 2) * 1000;
    await pause(interval ?? (Number.isFinite(asked) ? asked : 2000), signal);
  }
}

/**
 * Read the body of a QStash callback or failure callback. Verify its signature first, over the raw body,
 * with `Receiver` of @upstash/qstash.
 *
 * @throws Error the body is no callback of a job.
 */
export function readCallback(body: string): Outcome<WorkerName> {
  const callback = v.parse(Callback, JSON.parse(body));
  const job = v.parse(Envelope, JSON.parse(text(callback.sourceBody)));
  const answer: unknown = JSON.parse(text(callback.body) || "{}");
  if (callback.status >= 200 && callback.status < 300) return succeeded(job.type, job.jobId, answer);
  const problem = v.safeParse(Problem, answer);
  const { code, detail } = problem.success ? problem.output : { code: "no_answer", detail: "" };
  return { worker: job.type, jobId: job.jobId, ok: false, status: callback.status, code, detail };
}

const Callback = v.object({ status: v.number(), body: v.optional(v.string(), ""), sourceBody: v.string() });
const Envelope = v.object({ type: v.picklist(Object.keys(workers) as WorkerName[]), jobId: v.string() });
const Problem = v.object({ code: v.string(), detail: v.string() });

function read<W extends WorkerName>(
  worker: W,
  jobId: string,
  job: v.InferOutput<typeof State>,
): Outcome<W> | undefined {
  switch (job.state) {
    case "succeeded":
      return succeeded(worker, jobId, job.result);
    case "failed":
    case "cancelled":
      return {
        worker,
        jobId,
        ok: false,
        status: 0,
        code: job.error?.code ?? job.state,
        detail: job.error?.message ?? "",
      };
    default:
      return undefined;
  }
}

function succeeded<W extends WorkerName>(worker: W, jobId: string, answer: unknown): Outcome<W> {
  const result = v.parse(workers[worker].result as v.GenericSchema, answer) as Result<W>;
  return { worker, jobId, ok: true, result };
}

function text(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
  });
}
