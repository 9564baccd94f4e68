import * as v from "valibot";

/** A calendar day that exists, as `YYYY-MM-DD`. */
export const date = v.pipe(
  v.string(),
  v.isoDate(),
  v.check((day) => exists(`${day}T00:00:00Z`) && new Date(day).toISOString().startsWith(day), "no such day"),
);

/** An RFC 3339 instant with an offset. */
export const instant = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$/u),
  v.check(exists, "no such time"),
);

/** Between so many characters (code points, as the workers count, not UTF-16 units). */
export const characters = (least: number, most: number) =>
  v.check((text: string) => {
    const length = [...text].length;
    return length >= least && length <= most;
  }, `must have ${least} to ${most} characters`);

function exists(text: string): boolean {
  return !Number.isNaN(Date.parse(text));
}
