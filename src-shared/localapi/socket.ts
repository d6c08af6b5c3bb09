/** Where the local API is; alone in its file so that finding out loads nothing else. */

/** Default path of rhumbd's socket (design.md §1). */
export const DEFAULT_SOCKET = '/var/run/rhumb/rhumbd.sock';
