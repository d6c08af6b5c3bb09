/** The last step before the terminal: key material is masked, control characters of other people's names removed. */

/** Ids of login requests look like keys, but the user must see them: they are part of the URL to visit. */
const KEYS = /\b((?:tskey|hskey|rhkey)-)(?!authreq-|reg-)([A-Za-z0-9_-]+)/g;

/**
 * C0 without tab and newline, DEL and C1: what drives a terminal. Line separators, and what turns the direction of all that
 * follows, so that a name could show the rest of its line backwards.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

export const maskKeys = (text: string): string =>
  text.replace(KEYS, (_all, head: string, rest: string) => head + 'X'.repeat(rest.length));

export const sanitize = (text: string): string => maskKeys(text).replace(CONTROL, '');
