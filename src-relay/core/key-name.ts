/** A raw key as 32 Latin-1 characters, one per byte: what the tables of the relay are keyed by. */
import { Buffer } from 'node:buffer';
import { KEY_BYTES } from '#shared/derp/frames.ts';

/** Where the key lies in a buffer, without a view. */
export const nameAt = (buffer: Buffer, at: number): string => buffer.toString('latin1', at, at + KEY_BYTES);

/** Through a copy: to look at its `buffer` would move a small array out of the heap for good. */
export const nameOf = (raw: Uint8Array): string => Buffer.from(raw).toString('latin1');
