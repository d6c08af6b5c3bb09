/** TAI64N timestamps of initiations (data-plane.md §1.3): whitened, and never going back for one peer. */

export const TIMESTAMP_BYTES = 12;

// 2^62 + 10: what every implementation adds to Unix seconds; its high word is 0x40000000.
const LABEL_HIGH = 0x4000_0000;
const TAI_OFFSET_S = 10;
/** The low 24 bits of the nanoseconds are cleared, so that the clock's fine grain does not leak. */
const STEP_NS = 0x100_0000;
const SECOND_NS = 1_000_000_000;

/** A whitened time: comparable by its fields in order. */
export interface Tai {
  readonly seconds: number;
  readonly nanos: number;
}

export function taiOf(wallMs: number): Tai {
  const seconds = Math.floor(wallMs / 1_000);
  const nanos = Math.floor((wallMs - seconds * 1_000) * 1_000_000);
  return { seconds, nanos: nanos - (nanos % STEP_NS) };
}

const isAfter = (a: Tai, b: Tai): boolean =>
  a.seconds > b.seconds || (a.seconds === b.seconds && a.nanos > b.nanos);

function stepAfter(tai: Tai): Tai {
  const nanos = tai.nanos + STEP_NS;
  return nanos >= SECOND_NS ? { seconds: tai.seconds + 1, nanos: 0 } : { seconds: tai.seconds, nanos };
}

/** The time to send after `last`: now, or one step after `last` when the wall clock was set back. */
export function nextTai(last: Tai | undefined, wallMs: number): Tai {
  const now = taiOf(wallMs);
  return last === undefined || isAfter(now, last) ? now : stepAfter(last);
}

/** Wall clock ms that is certainly not before `tai`. */
export const taiCeilingMs = (tai: Tai): number => tai.seconds * 1_000 + Math.ceil(tai.nanos / 1_000_000);

/** 8 bytes of seconds, 4 of nanoseconds, both big-endian. */
export function encodeTai(tai: Tai): Uint8Array {
  const out = new Uint8Array(TIMESTAMP_BYTES);
  const view = new DataView(out.buffer);
  const seconds = tai.seconds + TAI_OFFSET_S;
  view.setUint32(0, LABEL_HIGH + Math.floor(seconds / 2 ** 32));
  view.setUint32(4, seconds % 2 ** 32);
  view.setUint32(8, tai.nanos);
  return out;
}
