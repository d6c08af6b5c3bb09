/** Which version of the protocol this is; alone in its file so that saying so loads nothing else. */

/** The capability version we announce everywhere (control-protocol.md §5.8). */
export const CAPABILITY_VERSION = 130;
