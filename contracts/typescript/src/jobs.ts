import type { Client } from "@upstash/qstash";
import * as v from "valibot";
import { workers } from "./contracts.js";

export type WorkerName = keyof typeof workers;
export type Payload<W extends WorkerName> = v.InferInput<(typeof workers)[W]["payload"]>;
export type Result<W extends WorkerName> = v.InferOutput<(typeof workers)[W]["result"]>;

/** What is wrong with a job, found before it is sent. The text names the field. */
export class JobInvalid extends Error {
  override name = "JobInvalid";
}

export interface JobsOptions {
  /** The official client; its token and URL decide which QStash is used. */
  client: Pick<Client, "publish">;
  /** The public base URL of each worker's service. */
  urls: Partial<Record<WorkerName, string>>;
}

export interface EnqueueOptions {
  /** Names the job for ever: the same id never runs twice. A random one when absent. */
  jobId?: string;
  /** Whose job it is. */
  userId?: string;
  /** Seconds until the first delivery. */
  delay?: number;
  /** The time of the first delivery. */
  at?: Date;
  /** Further deliveries after a failed one; the worker's own number when absent. */
  retries?: number;
  /** Where QStash posts the worker's answer. */
  callback?: string;
  /** Where QStash posts the last answer when it gives up; the worker's own service when absent. */
  failureCallback?: string;
  /** Refused by QStash within ten minutes of the same; the job's id when absent. No colon. */
  deduplicationId?: string;
  /** The W3C trace context of the request that this job belongs to. */
  traceparent?: string;
}

export interface Enqueued {
  jobId: string;
  messageId: string;
}

const ID = /^[A-Za-z0-9_.-]{1,128}$/;

/** Sends jobs to the workers. */
export class Jobs {
  constructor(private readonly options: JobsOptions) {}

  /**
   * Check a job against its contract and hand it to QStash.
   *
   * @throws JobInvalid the payload or an option breaks the contract; nothing was sent.
   */
  async enqueue<W extends WorkerName>(
    worker: W,
    payload: Payload<W>,
    options: EnqueueOptions = {},
  ): Promise<Enqueued> {
    const jobId = options.jobId ?? crypto.randomUUID();
    const base = this.base(worker);
    const target = workers[worker];
    const body = encode(worker, payload, jobId, options);
    checkOptions(options);
    const answer = await this.options.client.publish({
      url: base + target.path,
      body,
      headers: { "content-type": "application/json" },
      retries: options.retries ?? target.retries,
      timeout: target.timeout,
      deduplicationId: options.deduplicationId ?? jobId,
      failureCallback: options.failureCallback ?? `${base}/callbacks/failure`,
      flowControl: { key: worker, parallelism: target.parallelism },
      label: worker,
      ...(options.callback === undefined ? {} : { callback: options.callback }),
      ...(options.delay === undefined ? {} : { delay: options.delay }),
      ...(options.at === undefined ? {} : { notBefore: Math.ceil(options.at.getTime() / 1000) }),
    });
    return { jobId, messageId: (answer as { messageId: string }).messageId };
  }

  /** The base URL of a worker's service. */
  base(worker: WorkerName): string {
    const url = this.options.urls[worker];
    if (url === undefined) throw new JobInvalid(`urls has no entry for ${worker}`);
    checkUrl(`urls[${JSON.stringify(worker)}]`, url);
    return url.replace(/\/+$/, "");
  }
}

function encode(worker: WorkerName, payload: unknown, jobId: string, options: EnqueueOptions): string {
  const target = workers[worker];
  if (target === undefined) throw new JobInvalid(`there is no worker ${JSON.stringify(worker)}`);
  const checked = v.safeParse(target.payload as v.GenericSchema, payload);
  if (!checked.success) throw new JobInvalid(`${worker}: ${told(checked.issues)}`);
  checkId("jobId", jobId);
  if (options.userId !== undefined) checkId("userId", options.userId);
  const body = JSON.stringify({
    type: worker,
    schemaVersion: 1,
    jobId,
    userId: options.userId,
    enqueuedAt: new Date().toISOString(),
    traceContext: options.traceparent === undefined ? undefined : { traceparent: options.traceparent },
    payload: checked.output,
  });
  const size = new TextEncoder().encode(body).length;
  if (size > target.maxBody) {
    throw new JobInvalid(`${worker}: the message has ${size} bytes, the limit is ${target.maxBody}`);
  }
  return body;
}

function told(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.map((issue) => `${v.getDotPath(issue) ?? "payload"}: ${issue.message}`).join("; ");
}

function checkOptions({ delay, at, retries, traceparent, ...options }: EnqueueOptions): void {
  if (options.deduplicationId !== undefined) checkId("deduplicationId", options.deduplicationId);
  for (const name of ["callback", "failureCallback"] as const) {
    const url = options[name];
    if (url !== undefined) checkUrl(name, url);
  }
  if (delay !== undefined && at !== undefined) throw new JobInvalid("give delay or at, not both");
  if (delay !== undefined && !(Number.isInteger(delay) && delay >= 0)) {
    throw new JobInvalid("delay: must be whole seconds");
  }
  if (at !== undefined && Number.isNaN(at.getTime())) throw new JobInvalid("at: no such time");
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0)) {
    throw new JobInvalid("retries: must be a whole number");
  }
  if (traceparent !== undefined && !/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)) {
    throw new JobInvalid("traceparent: not a W3C trace context");
  }
}

function checkId(name: string, id: string): void {
  if (!ID.test(id)) {
    throw new JobInvalid(`${name}: letters, digits, '_', '.' and '-', at most 128; QStash refuses a colon`);
  }
}

function checkUrl(name: string, url: string): void {
  if (!/^https?:\/\/[^\s/]/.test(url) || !URL.canParse(url)) {
    throw new JobInvalid(`${name}: ${JSON.stringify(url)} must begin with https:// (http:// in development)`);
  }
}
