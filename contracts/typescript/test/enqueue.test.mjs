import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";
import { Jobs, JobInvalid, contracts, readCallback, workers } from "@huntaze/jobs";
import * as v from "valibot";

const urls = { "video-processing": "https://video.example.com/", "alert-checker": "https://alerts.example.com" };
const clip = { videoId: "v1", source: { kind: "object", key: "uploads/a.mp4" } };

function jobs(sent, where = urls) {
  return new Jobs({ urls: where, client: { publish: async (m) => (sent.push(m), { messageId: "msg_1" }) } });
}

test("a job travels in its envelope, with the worker's own retries and timeout", async () => {
  const sent = [];
  const answer = await jobs(sent).enqueue("video-processing", clip, { jobId: "j1", userId: "u1", delay: 5 });
  assert.deepEqual(answer, { jobId: "j1", messageId: "msg_1" });
  const [{ body, ...message }] = sent;
  assert.deepEqual(message, {
    url: "https://video.example.com/api/workers/video-processing",
    headers: { "content-type": "application/json" },
    retries: 5,
    timeout: 630,
    deduplicationId: "j1",
    failureCallback: "https://video.example.com/callbacks/failure",
    flowControl: { key: "video-processing", parallelism: 10 },
    label: "video-processing",
    delay: 5,
  });
  const { enqueuedAt, ...envelope } = JSON.parse(body);
  assert.ok(Date.parse(enqueuedAt));
  assert.deepEqual(envelope, { type: "video-processing", schemaVersion: 1, jobId: "j1", userId: "u1", payload: clip });
});

const refused = {
  "an unknown field": [{ ...clip, colour: "red" }, {}, /colour/],
  "a value outside its limits": [{ ...clip, sceneChangeThreshold: 2 }, {}, /sceneChangeThreshold/],
  "a nested field": [{ ...clip, gridLayout: { rows: 0 } }, {}, /gridLayout\.rows/],
  "an unknown tag": [{ ...clip, source: { kind: "ftp" } }, {}, /source\.kind/],
  "a colon in the job's id": [clip, { jobId: "a:b" }, /jobId.*colon/],
  "a colon in the deduplication id": [clip, { deduplicationId: "a:b" }, /deduplicationId.*colon/],
  "a callback without scheme": [clip, { callback: "app.example.com/done" }, /callback.*https/],
  "two times": [clip, { delay: 1, at: new Date() }, /not both/],
  "a broken trace context": [clip, { traceparent: "x" }, /traceparent/],
};
for (const [name, [payload, options, text]] of Object.entries(refused)) {
  test(`${name} is refused before anything is sent`, async () => {
    const sent = [];
    await assert.rejects(jobs(sent).enqueue("video-processing", payload, options), (error) => {
      assert.ok(error instanceof JobInvalid);
      assert.match(error.message, text);
      return true;
    });
    assert.equal(sent.length, 0);
  });
}

test("a service without scheme or address is refused", async () => {
  const where = { "video-processing": "video.example.com" };
  await assert.rejects(jobs([], where).enqueue("video-processing", clip), /video-processing.*https/);
  await assert.rejects(jobs([], {}).enqueue("video-processing", clip), /no entry/);
});

test("every worked example is what the validators take", () => {
  let seen = 0;
  for (const message of readdirSync("examples")) {
    const [worker, kind] = message.split(".");
    if (!(worker in workers)) continue;
    for (const file of readdirSync(`examples/${message}`)) {
      const example = JSON.parse(readFileSync(`examples/${message}/${file}`, "utf8"));
      v.parse(workers[worker][kind === "job" ? "payload" : "result"], kind === "job" ? example.payload : example);
      seen += 1;
    }
  }
  assert.ok(seen > 20);
});

test("lengths count characters, and days exist", () => {
  const told = { action: "send-notification", key: "k", title: "t" };
  assert.ok(v.is(contracts.SendNotification, { ...told, text: "🎬".repeat(4000) }));
  assert.ok(!v.is(contracts.SendNotification, { ...told, text: "🎬".repeat(4001) }));
  assert.ok(!v.is(contracts.AggregateAnalytics, { action: "aggregate-analytics", date: "2026-02-30" }));
});

test("a callback that gave up tells why", () => {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64");
  const body = JSON.stringify({
    status: 489,
    sourceBody: encode({ type: "video-processing", jobId: "j1", payload: clip }),
    body: encode({ code: "media_unreadable", detail: "no stream é" }),
  });
  assert.deepEqual(readCallback(body), {
    worker: "video-processing",
    jobId: "j1",
    ok: false,
    status: 489,
    code: "media_unreadable",
    detail: "no stream é",
  });
});
