/** What the public API's addresses have in common: the network's name, ids, times. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { NodeView } from '../../state/network.ts';
import type { UserRecord } from '../../store/records.ts';
import type { Asked } from '../endpoint.ts';

/** How Go writes the time that there is not; clients in Go read it as such. */
export const NO_TIME = '0001-01-01T00:00:00Z';
export const timeOr = (ms: number | undefined, none: string): string =>
  ms === undefined ? none : formatTime(ms);

export const inTailnet = z.object({ t: z.string() });
export const withId = z.object({ id: z.string() });

/** `-` is the network of whoever asks; there is only one. */
export function checkTailnet({ deps }: Asked, name: string): void {
  if (name !== '-' && name !== deps.baseDomain)
    throw new RhumbError('not-found', `no such tailnet: write - or ${deps.baseDomain}`);
}

const idOf = (text: string): number => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN);

export function deviceOf({ deps }: Asked, id: string): NodeView {
  const view = deps.network.node(idOf(id));
  if (view === undefined) throw new RhumbError('not-found', 'device not found');
  return view;
}

/** How calls name it. */
export const nodeArg = (view: NodeView): { readonly node: string } => ({ node: String(view.record.id) });

export function userOf({ deps }: Asked, id: string): UserRecord {
  const user = deps.network.user(idOf(id));
  if (user === undefined) throw new RhumbError('not-found', 'user not found');
  return user;
}
