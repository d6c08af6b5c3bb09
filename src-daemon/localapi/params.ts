/** Reading parameters of a query as the official daemon does. */

/** strconv.ParseBool of Go; anything else, and absence, gives the default. */
export function goBool(text: string | null, fallback: boolean): boolean {
  if (text === null) return fallback;
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(0|f|F|FALSE|false|False)$/.test(text) ? false : fallback;
}
