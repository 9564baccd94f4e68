import { JobInvalid } from "@huntaze/jobs";
import { jobs } from "../../jobs.js";

/** Tell the user something: `app/api/notify/route.ts` of a Next.js application. */
export async function POST(request: Request): Promise<Response> {
  const { title } = (await request.json()) as { title: string };
  try {
    const { jobId } = await jobs.enqueue(
      "alert-checker",
      { action: "send-notification", key: "welcome", title },
      { userId: "u1", retries: 1, callback: `${process.env.APP_URL}/api/callback` },
    );
    return Response.json({ jobId }, { status: 202 });
  } catch (error) {
    if (error instanceof JobInvalid) return Response.json({ error: error.message }, { status: 422 });
    throw error;
  }
}
