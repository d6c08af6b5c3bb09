/** Sizes and times of the relay server (nat-traversal.md §1.1, §1.5, §1.10, §8). */
import { KEY_BYTES, MAX_PACKET_BYTES } from '#shared/derp/frames.ts';

export const MIN_CLIENT_INFO_BYTES = 56;

export const HANDSHAKE_MS = 10_000;
/** The asker has five seconds of its own (§1.9); this only catches one that never answers. */
export const ADMISSION_MS = 15_000;
export const KEEPALIVE_MS = 60_000;
export const KEEPALIVE_JITTER_MS = 5_000;
export const WRITE_MS = 2_000;
export const MESH_WRITE_MS = 30_000;
export const MESH_RETRY_MS = 5_000;
/** NotePreferred this soon after connecting is the first choice of a home, not a move (§1.14). */
export const HOME_SETTLE_MS = 5_000;

/** Packets held for a client that does not read, of each kind. */
export const QUEUE_PACKETS = 32;
/** A link between relays carries everybody's packets, so it may hold more before it drops. */
export const MESH_QUEUE_PACKETS = 1_024;
/** Control frames held for a client that does not read; mesh updates are counted apart. */
export const QUEUE_CONTROL = 256;

/** A batch is handed to the system when it has grown to this, or when the event loop has nothing more to read. */
export const BATCH_BYTES = 64 * 1024;

/** Answers "not here": once per second, three at a time. */
export const GONE_PER_S = 1;
export const GONE_BURST = 3;

/** The smallest bucket that a whole packet fits into. */
export const MIN_BURST_BYTES = MAX_PACKET_BYTES + KEY_BYTES;

/** Each of these in a batch gives the client one more write deadline. */
export const WRITE_SLICE_BYTES = 16 * 1024;

/** A relay sends something every 65 s at the latest (§1.1: clients wait 120 s). */
export const MESH_SILENCE_MS = 120_000;

/** A client that answers pings and is not heard of for so many of them is gone; its own deadline is shorter (120 s). */
export const MAX_SILENT_PINGS = 3;
