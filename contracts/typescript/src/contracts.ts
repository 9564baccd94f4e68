// Made from contracts/huntaze_contracts by `./dev contracts`. Do not edit.
import * as v from "valibot";
import { characters, date, instant } from "./values.js";

/**
 * Count the civil days of all users, each in the user's own time zone. Running it again changes nothing.
 *
 * Without dates: yesterday, seen from the schedule's own time, and the days before it whose late events are
 * still counted.
 */
export const AggregateAnalytics = v.strictObject({
  action: v.literal("aggregate-analytics"),
  date: v.optional(v.nullable(date)),
  /** With `date`: the last day of a range to count again. */
  until: v.optional(v.nullable(date)),
  /** Count even days whose messages clean-up has begun to delete. Default: false. */
  force: v.optional(v.boolean()),
});
export type AggregateAnalytics = v.InferInput<typeof AggregateAnalytics>;

/** What one check saw and did. */
export const AlertsChecked = v.object({
  action: v.literal("check-alerts"),
  /** RFC 3339 with an offset. */
  slot: instant,
  /** True when this slot, or a later one, was checked before. Default: false. */
  skipped: v.optional(v.boolean()),
  /** Default: 0. */
  rules: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  rulesFailed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  fired: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  resolved: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  notifications: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
});
export type AlertsChecked = v.InferInput<typeof AlertsChecked>;

/** What the multimodal model said of the grid, or why it was not asked. */
export const Analysis = v.object({
  status: v.picklist(["failed", "ok", "partial", "skipped"]),
  /** Default: "". */
  reason: v.optional(v.string()),
});
export type Analysis = v.InferInput<typeof Analysis>;

/**
 * Compute each user's statistics over the last 30 days against the 30 before.
 *
 * With them the sums of the last 7, 28 and 90 counted days, streaks, and percentiles among the users.
 */
export const CalculateUserStats = v.strictObject({
  action: v.literal("calculate-user-stats"),
});
export type CalculateUserStats = v.InferInput<typeof CalculateUserStats>;

/**
 * The body of a QStash callback or failure callback: the last answer of a delivery.
 *
 * QStash's own shape, so unknown fields are ignored.
 */
export const Callback = v.object({
  status: v.pipe(v.number(), v.integer()),
  sourceMessageId: v.string(),
  url: v.string(),
  /** Default: 0. */
  retried: v.optional(v.pipe(v.number(), v.integer())),
  /** Default: 0. */
  maxRetries: v.optional(v.pipe(v.number(), v.integer())),
  dlqId: v.optional(v.nullable(v.string())),
  /** The response's body, base64. Default: "". */
  body: v.optional(v.string()),
  /** The message's body, base64. Default: "". */
  sourceBody: v.optional(v.string()),
  scheduleId: v.optional(v.nullable(v.string())),
  createdAt: v.optional(v.nullable(v.union([v.pipe(v.number(), v.integer(), v.minValue(0), v.ltValue(10000000000000)), v.pipe(v.string(), v.regex(/^[0-9]{1,13}$(?!\n)/u))]))),
});
export type Callback = v.InferInput<typeof Callback>;

/** Where a keyframe stands in the grid, in pixels from its top left corner. */
export const Cell = v.object({
  ordinal: v.pipe(v.number(), v.integer(), v.minValue(1)),
  x: v.pipe(v.number(), v.integer(), v.minValue(0)),
  y: v.pipe(v.number(), v.integer(), v.minValue(0)),
  width: v.pipe(v.number(), v.integer(), v.minValue(0)),
  height: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** A time or duration in milliseconds. */
  timeMs: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
export type Cell = v.InferInput<typeof Cell>;

/** Evaluate every enabled rule once, for the schedule's slot. */
export const CheckAlerts = v.strictObject({
  action: v.literal("check-alerts"),
  /** For a check by hand; a schedule's slot follows from its own time. */
  slot: v.optional(v.nullable(instant)),
});
export type CheckAlerts = v.InferInput<typeof CheckAlerts>;

/** Delete what its retention policy no longer keeps, in small batches; never an uncounted day. */
export const CleanupOldData = v.strictObject({
  action: v.literal("cleanup-old-data"),
  /** One policy only; all enabled ones when absent. */
  policy: v.optional(v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)))),
  /** Count what would be deleted, exactly, and delete nothing. Default: false. */
  dryRun: v.optional(v.boolean()),
  /** Delete even where it is a large share of the table. Default: false. */
  force: v.optional(v.boolean()),
  /** The instant that ages are counted from; set by the service in its follow-up jobs. */
  asOf: v.optional(v.nullable(instant)),
});
export type CleanupOldData = v.InferInput<typeof CleanupOldData>;

/** Look after a started scrape: read its posts when it has finished, else look again later. */
export const CollectPosts = v.strictObject({
  action: v.literal("collect-posts"),
  /** Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in deduplication ids. */
  scrapeId: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)),
  /** Which look this is; the wait grows with it. 0: Apify said it ended. Default: 1. */
  look: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(200))),
});
export type CollectPosts = v.InferInput<typeof CollectPosts>;

/** What became of one retention policy. */
export const PolicyApplied = v.object({
  /** Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in deduplication ids. */
  policy: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)),
  /** What is older is not kept. */
  cutoff: instant,
  /** Rows that the policy may delete. Default: 0. */
  matched: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  deleted: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Rows kept because their days are not counted. Default: 0. */
  uncounted: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Rows kept because somebody put them on hold. Default: 0. */
  onHold: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  batches: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Dropped as a whole. Default: 0. */
  partitions: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Why nothing was deleted, where it was not. */
  heldBack: v.optional(v.nullable(v.string())),
  /** Default: true. */
  complete: v.optional(v.boolean()),
});
export type PolicyApplied = v.InferInput<typeof PolicyApplied>;

/** One file of a report, in the object store. */
export const ReportFile = v.object({
  format: v.picklist(["csv", "html", "json", "parquet", "pdf"]),
  /** The key of an object in the store; no leading slash, no '.' or '..' segment. */
  key: v.pipe(v.string(), v.regex(/^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9!_.*'()\/=@+,~ \-]{1,512}$(?!\n)/u)),
  /** Bytes. */
  size: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
export type ReportFile = v.InferInput<typeof ReportFile>;

/** A report as it stands now. */
export const ReportMade = v.object({
  /** Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in deduplication ids. */
  reportId: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)),
  first: date,
  last: date,
  /** Grows when late data changed the report. */
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** False when the data were those of the version before. */
  changed: v.boolean(),
  headline: v.string(),
  files: v.array(ReportFile),
});
export type ReportMade = v.InferInput<typeof ReportMade>;

/** The receipt of an erasure; it names nobody. */
export const UserErased = v.object({
  /** Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in deduplication ids. */
  receiptId: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)),
  /** How many rows went, by table. */
  rows: v.record(v.string(), v.pipe(v.number(), v.integer())),
  /** What stays, by table, and why. */
  kept: v.record(v.string(), v.string()),
});
export type UserErased = v.InferInput<typeof UserErased>;

/** A copy of a user's data. */
export const UserExported = v.object({
  /** A zip archive in the object store. */
  key: v.pipe(v.string(), v.regex(/^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9!_.*'()\/=@+,~ \-]{1,512}$(?!\n)/u)),
  rows: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Bytes. */
  size: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
export type UserExported = v.InferInput<typeof UserExported>;

/** What the action did. */
export const DataProcessed = v.object({
  action: v.picklist(["aggregate-analytics", "calculate-user-stats", "cleanup-old-data", "dispatch-reports", "erase-user-data", "export-user-data", "generate-report"]),
  /** Default: []. */
  days: v.optional(v.array(date)),
  /** Default: 0. */
  users: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  rowsRead: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  rowsWritten: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  rowsDeleted: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** False when a continuation job does the rest. Default: true. */
  complete: v.optional(v.boolean()),
  report: v.optional(v.nullable(ReportMade)),
  /** How many reports were asked for. Default: 0. */
  reports: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: []. */
  policies: v.optional(v.array(PolicyApplied)),
  erased: v.optional(v.nullable(UserErased)),
  exported: v.optional(v.nullable(UserExported)),
});
export type DataProcessed = v.InferInput<typeof DataProcessed>;

/** Send the notifications that wait. Sent by the service to itself, and again while something is left. */
export const DeliverNotifications = v.strictObject({
  action: v.literal("deliver-notifications"),
  /** Default: 1. */
  round: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000))),
});
export type DeliverNotifications = v.InferInput<typeof DeliverNotifications>;

/** Ask for each user's reports that are due, once per user, kind and period. */
export const DispatchReports = v.strictObject({
  action: v.literal("dispatch-reports"),
  /** By hand only; a schedule's slot follows from its own time. */
  slot: v.optional(v.nullable(instant)),
  /** Go on behind this user; set by the service in its follow-up jobs. */
  after: v.optional(v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)))),
});
export type DispatchReports = v.InferInput<typeof DispatchReports>;

/**
 * Delete everything of the envelope's user, here and in the application, and leave a receipt.
 *
 * What comes later under the same id is not counted any more. Messages on hold stay.
 */
export const EraseUserData = v.strictObject({
  action: v.literal("erase-user-data"),
});
export type EraseUserData = v.InferInput<typeof EraseUserData>;

/** A post that shows a trend. */
export const Example = v.object({
  id: v.string(),
  url: v.optional(v.nullable(v.string())),
  views: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0)))),
  likes: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0)))),
  cohortPercentile: v.optional(v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(100)))),
});
export type Example = v.InferInput<typeof Example>;

/** Put a copy of everything of the envelope's user into the store, and tell the user where it is. */
export const ExportUserData = v.strictObject({
  action: v.literal("export-user-data"),
});
export type ExportUserData = v.InferInput<typeof ExportUserData>;

/**
 * Make the report of the envelope's user, kind and period; there is one of each.
 *
 * The same data again changes nothing; data that came late make a new version of the same report.
 */
export const GenerateReport = v.strictObject({
  action: v.literal("generate-report"),
  /** Default: "weekly". */
  kind: v.optional(v.picklist(["custom", "monthly", "weekly"])),
  /** The period's first day in the user's zone; without it, the last one that is over. */
  first: v.optional(v.nullable(date)),
  /** The period's last day, for a custom report only. */
  last: v.optional(v.nullable(date)),
  /** Tell the user, once per report that is not empty. Default: true. */
  notify: v.optional(v.boolean()),
});
export type GenerateReport = v.InferInput<typeof GenerateReport>;

/** The contact sheet: one labelled picture of all keyframes. */
export const Grid = v.object({
  /** The key of an object in the store; no leading slash, no '.' or '..' segment. */
  key: v.pipe(v.string(), v.regex(/^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9!_.*'()\/=@+,~ \-]{1,512}$(?!\n)/u)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$(?!\n)/u)),
  bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
  width: v.pipe(v.number(), v.integer(), v.minValue(0)),
  height: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Cells along one side of the grid. */
  rows: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(6)),
  /** Cells along one side of the grid. */
  cols: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(6)),
  cells: v.array(Cell),
});
export type Grid = v.InferInput<typeof Grid>;

/** The shape of the contact sheet. */
export const GridLayout = v.strictObject({
  /** Cells along one side of the grid. Default: 3. */
  rows: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(6))),
  /** Cells along one side of the grid. Default: 3. */
  cols: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(6))),
});
export type GridLayout = v.InferInput<typeof GridLayout>;

/** One chosen frame. */
export const Keyframe = v.object({
  /** 1 is the first cell of the grid. */
  ordinal: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** A time or duration in milliseconds. */
  timeMs: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Why this frame was chosen. */
  position: v.picklist(["beginning", "end", "fill", "half", "hook", "quarter", "scene", "three_quarter"]),
  /** The key of an object in the store; no leading slash, no '.' or '..' segment. */
  key: v.pipe(v.string(), v.regex(/^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9!_.*'()\/=@+,~ \-]{1,512}$(?!\n)/u)),
  /** The change that started its shot; null when it is not a cut. */
  sceneScore: v.optional(v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(1)))),
});
export type Keyframe = v.InferInput<typeof Keyframe>;

/** An object of the store to give to the reader: presigned when it is sent, never stored. */
export const Link = v.strictObject({
  /** One line of text, 1 to 200 characters. */
  title: v.pipe(v.string(), v.regex(/^[^\x00-\x1f\x7f]{1,200}$(?!\n)/u)),
  /** The key of an object in the store; no leading slash, no '.' or '..' segment. */
  key: v.pipe(v.string(), v.regex(/^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9!_.*'()\/=@+,~ \-]{1,512}$(?!\n)/u)),
});
export type Link = v.InferInput<typeof Link>;

/** A video behind a public https link. Private networks are refused. */
export const LinkedVideo = v.strictObject({
  kind: v.literal("url"),
  /** An https URL; http only in development. */
  url: v.pipe(v.string(), v.regex(/^https?:\/\/[^\s\x00-\x1f\\]{1,2000}$(?!\n)/u)),
});
export type LinkedVideo = v.InferInput<typeof LinkedVideo>;

/** How many channels will be told. */
export const NotificationQueued = v.object({
  action: v.literal("send-notification"),
  /** Default: 0. */
  channels: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
});
export type NotificationQueued = v.InferInput<typeof NotificationQueued>;

/** What one round of sending did. */
export const NotificationsDelivered = v.object({
  action: v.literal("deliver-notifications"),
  /** Default: 0. */
  sent: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: 0. */
  failed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Messages left for a later round. Default: 0. */
  waiting: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
});
export type NotificationsDelivered = v.InferInput<typeof NotificationsDelivered>;

/** An error as RFC 9457 'problem details' describes it; `code` is stable, `detail` is for people. */
export const Problem = v.object({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  code: v.string(),
  detail: v.string(),
});
export type Problem = v.InferInput<typeof Problem>;

/** Tell one user what to post about the trends of a scrape of a query that they follow. */
export const RecommendPosts = v.strictObject({
  action: v.literal("recommend-posts"),
  /** Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in deduplication ids. */
  scrapeId: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)),
});
export type RecommendPosts = v.InferInput<typeof RecommendPosts>;

/**
 * Which schedule sent a message. Its body is fixed when the schedule is made, so it holds no date.
 *
 * The worker takes the slot from the cron expression and the time at which the token was signed.
 */
export const Schedule = v.strictObject({
  /** Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in deduplication ids. */
  id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)),
  /** As given to QStash, with CRON_TZ= if any. */
  cron: v.pipe(v.string(), characters(0, 200)),
});
export type Schedule = v.InferInput<typeof Schedule>;

/** Scrape the posts of one query now. Users who follow the same query share its scrapes. */
export const ScrapeQuery = v.strictObject({
  action: v.literal("scrape-query"),
  platform: v.picklist(["instagram", "reddit", "tiktok", "x", "youtube"]),
  /** The hashtag without '#', the handle without '@', or the words. */
  value: v.pipe(v.string(), v.regex(/^[^\x00-\x1f\x7f]{1,200}$(?!\n)/u)),
  /** Default: "hashtag". */
  kind: v.optional(v.picklist(["hashtag", "keyword", "profile"])),
  /** Default: 500. */
  maxPosts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(5000))),
});
export type ScrapeQuery = v.InferInput<typeof ScrapeQuery>;

/** Start one scrape for each tracked query that is due. Sent by a schedule: no query, no date. */
export const ScrapeTrends = v.strictObject({
  action: v.literal("scrape-trends"),
});
export type ScrapeTrends = v.InferInput<typeof ScrapeTrends>;

/**
 * Tell a user something that is no alert, for example that a report is ready.
 *
 * The same `key` is told once per channel. The envelope's user is the one who is told.
 */
export const SendNotification = v.strictObject({
  action: v.literal("send-notification"),
  /** Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in deduplication ids. */
  key: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)),
  /** One line of text, 1 to 200 characters. */
  title: v.pipe(v.string(), v.regex(/^[^\x00-\x1f\x7f]{1,200}$(?!\n)/u)),
  /** Default: "". */
  text: v.optional(v.pipe(v.string(), characters(0, 4000))),
  /** Default: "info". */
  severity: v.optional(v.picklist(["critical", "error", "info", "warning"])),
  /** Default: []. */
  links: v.optional(v.pipe(v.array(Link), v.maxLength(10))),
  /** All of the user's own, and the inbox, when absent. Default: []. */
  channels: v.optional(v.pipe(v.array(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u))), v.maxLength(10))),
});
export type SendNotification = v.InferInput<typeof SendNotification>;

/** A video that the web app put in the object store: preferred, since a key never expires. */
export const StoredVideo = v.strictObject({
  kind: v.literal("object"),
  /** The key of an object in the store; no leading slash, no '.' or '..' segment. */
  key: v.pipe(v.string(), v.regex(/^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9!_.*'()\/=@+,~ \-]{1,512}$(?!\n)/u)),
});
export type StoredVideo = v.InferInput<typeof StoredVideo>;

/** The W3C trace context of the request that enqueued the job. Inside the body because that is signed. */
export const TraceContext = v.strictObject({
  traceparent: v.pipe(v.string(), v.regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$(?!\n)/u)),
  /** Default: "". */
  tracestate: v.optional(v.pipe(v.string(), characters(0, 512))),
});
export type TraceContext = v.InferInput<typeof TraceContext>;

/** One topic whose share of the posts rose more than chance explains, and everything that says so. */
export const Trend = v.object({
  /** A tag without '#', a sound's id, or words. */
  identifier: v.pipe(v.string(), v.regex(/^[^\x00-\x1f\x7f]{1,200}$(?!\n)/u)),
  /** 'insufficient_history': among the most used, nothing is claimed. 'watch': it rises, but not significantly yet. The others are confirmed trends, by their stage. */
  state: v.picklist(["emerging", "fading", "insufficient_history", "peaking", "rising", "watch"]),
  /** Posts of the last day that have it. */
  posts: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** By how many authors. */
  authors: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Its share of the last day's posts. */
  share: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  /** Its share in the time before. */
  baseShare: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  /** False discovery rate at which it is significant. */
  qValue: v.optional(v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(1)))),
  /** In words, made from the figures. Default: []. */
  reasons: v.optional(v.array(v.string())),
  /** The same in every scrape of the query. */
  id: v.optional(v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)))),
  /** Default: "tag". */
  kind: v.optional(v.picklist(["phrase", "sound", "tag", "word"])),
  /** Other topics of the same posts. Default: []. */
  also: v.optional(v.array(v.string())),
  /** Default: 0. */
  totalPosts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Posts that its usual share would give. Default: 0.0. */
  expectedPosts: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** Times its usual share. Default: 1.0. */
  ratio: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** Lower end of the ratio's 90 % interval. Default: 0.0. */
  ratioLow: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** A share or score between 0 and 1. Default: 1.0. */
  pValue: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  /** Nats by which a burst explains it better. Default: 0.0. */
  burstWeight: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** 0, or 1 to 3: about 3, 9 or 27 times. Default: 0. */
  burstLevel: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(3))),
  since: v.optional(v.nullable(instant)),
  /** Whether to tell people: once, and again only if its share doubled. Default: false. */
  isNews: v.optional(v.boolean()),
  /** A share or score between 0 and 1. Default: 0.0. */
  topAuthorShare: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  /** A share or score between 0 and 1. Default: 0.0. */
  peakShare: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  halfLifeHours: v.optional(v.nullable(v.number())),
  /** Of the posts that have it, promoted ones included. Default: 0.0. */
  sponsoredShare: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  /** Where the same tag or phrase is a trend, the earliest first. Default: []. */
  platforms: v.optional(v.array(v.picklist(["instagram", "reddit", "tiktok", "x", "youtube"]))),
  /** Default: []. */
  examples: v.optional(v.array(Example)),
  /** Shares of the windows, the newest last. Default: []. */
  history: v.optional(v.array(v.number())),
  /** Default: []. */
  caveats: v.optional(v.array(v.string())),
});
export type Trend = v.InferInput<typeof Trend>;

/** What a job led to. */
export const TrendsFound = v.object({
  /** 'shared': the same query was scraped in this period already. */
  status: v.picklist(["analysed", "recommended", "shared", "started", "waiting"]),
  scrapeId: v.optional(v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)))),
  /** Default: 0. */
  scrapesStarted: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Distinct posts that were read. Default: 0. */
  posts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Rows that could not be read. Default: 0. */
  quarantined: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: []. */
  trends: v.optional(v.array(Trend)),
  /** Posts that are no evidence, by reason: promoted, repeated, stale, invalid. */
  notCounted: v.optional(v.record(v.string(), v.pipe(v.number(), v.integer()))),
  /** Of the trends' histories. */
  windowHours: v.optional(v.nullable(v.number())),
  /** The end of the window. */
  until: v.optional(v.nullable(instant)),
  /** Default: 0. */
  viralPosts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** What Apify charged, as far as it is known. */
  costUsd: v.optional(v.nullable(v.pipe(v.number(), v.minValue(0)))),
  /** New ones, for the user of the job. Default: 0. */
  recommendations: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Default: []. */
  caveats: v.optional(v.array(v.string())),
  /** Default: "". */
  detectorVersion: v.optional(v.string()),
});
export type TrendsFound = v.InferInput<typeof TrendsFound>;

/** The keyframes and the grid of one video; the keys are read with links made at the time of use. */
export const VideoProcessed = v.object({
  /** Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in deduplication ids. */
  videoId: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)),
  /** A time or duration in milliseconds. */
  durationMs: v.pipe(v.number(), v.integer(), v.minValue(0)),
  width: v.pipe(v.number(), v.integer(), v.minValue(0)),
  height: v.pipe(v.number(), v.integer(), v.minValue(0)),
  frameRate: v.number(),
  /** How many shots the video has. */
  shots: v.pipe(v.number(), v.integer(), v.minValue(1)),
  keyframes: v.array(Keyframe),
  grid: Grid,
  analysis: Analysis,
  /** A time or duration in milliseconds. */
  processingMs: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
export type VideoProcessed = v.InferInput<typeof VideoProcessed>;

/**
 * Ask for the keyframes and the contact sheet of one video.
 *
 * Safe to deliver twice: the objects' keys are made from their content.
 */
export const VideoProcessing = v.strictObject({
  /** Letters, digits, '_', '.' and '-'; at most 128. No colon: QStash refuses it in deduplication ids. */
  videoId: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.\-]{1,128}$(?!\n)/u)),
  source: v.variant("kind", [StoredVideo, LinkedVideo]),
  /** Default: {"rows": 3, "cols": 3}. */
  gridLayout: v.optional(GridLayout),
  /** How large a change starts a shot; lower finds more. Default: 0.3. */
  sceneChangeThreshold: v.optional(v.pipe(v.number(), v.minValue(0.05), v.maxValue(0.9))),
  /** Default: "jpeg". */
  imageFormat: v.optional(v.picklist(["jpeg", "png", "webp"])),
});
export type VideoProcessing = v.InferInput<typeof VideoProcessing>;

export const ContentTrendsPayload = v.variant("action", [ScrapeTrends, ScrapeQuery, CollectPosts, RecommendPosts]);
export type ContentTrendsPayload = v.InferInput<typeof ContentTrendsPayload>;

export const DataProcessingPayload = v.variant("action", [AggregateAnalytics, CalculateUserStats, CleanupOldData, GenerateReport, DispatchReports, EraseUserData, ExportUserData]);
export type DataProcessingPayload = v.InferInput<typeof DataProcessingPayload>;

export const AlertCheckerPayload = v.variant("action", [CheckAlerts, DeliverNotifications, SendNotification]);
export type AlertCheckerPayload = v.InferInput<typeof AlertCheckerPayload>;

export const AlertCheckerResult = v.variant("action", [AlertsChecked, NotificationsDelivered, NotificationQueued]);
export type AlertCheckerResult = v.InferInput<typeof AlertCheckerResult>;

/** Every worker: what it takes and answers, and how its messages are sent. */
export const workers = {
  "video-processing": {
    payload: VideoProcessing,
    result: VideoProcessed,
    path: "/api/workers/video-processing",
    retries: 5,
    timeout: 630,
    parallelism: 10,
    maxBody: 65536,
  },
  "content-trends": {
    payload: ContentTrendsPayload,
    result: TrendsFound,
    path: "/api/workers/content-trends",
    retries: 5,
    timeout: 150,
    parallelism: 10,
    maxBody: 65536,
  },
  "data-processing": {
    payload: DataProcessingPayload,
    result: DataProcessed,
    path: "/api/workers/data-processing",
    retries: 5,
    timeout: 330,
    parallelism: 10,
    maxBody: 65536,
  },
  "alert-checker": {
    payload: AlertCheckerPayload,
    result: AlertCheckerResult,
    path: "/api/workers/alert-checker",
    retries: 5,
    timeout: 90,
    parallelism: 5,
    maxBody: 65536,
  },
} as const;
