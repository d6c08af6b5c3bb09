/** Words for a shell. */

/** A word that a shell takes as it is, else the word in single quotes. */
export const shellQuote = (word: string): string =>
  /^[A-Za-z0-9_\-.,:@%+=/]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
