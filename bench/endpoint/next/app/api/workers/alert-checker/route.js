import { verifySignatureAppRouter } from "@upstash/qstash/nextjs";

export const dynamic = "force-dynamic";

async function work(request) {
  const envelope = await request.json();
  if (envelope.type !== "alert-checker") return Response.json({ error: "type" }, { status: 489 });
  return Response.json({});
}

export const POST = verifySignatureAppRouter(work);
