import { Client } from "@upstash/qstash";
import { Jobs } from "@huntaze/jobs";

export const jobs = new Jobs({
  client: new Client({ token: process.env.QSTASH_TOKEN ?? "", baseUrl: process.env.QSTASH_URL ?? "" }),
  urls: { "alert-checker": process.env.ALERTS_URL ?? "" },
});
