/** POST /machine/register (control-protocol.md §4.2) and GET /key (§2). */
import { z } from 'zod';
import { hostinfo } from './hostinfo.ts';
import { int64, lockKey, machineKey, maybe, nodeKey, text, time } from './scalars.ts';

export const keyResponse = z.looseObject({ legacyPublicKey: machineKey, publicKey: machineKey });

export const registerRequest = z.looseObject({
  Version: z.number().int().min(0).max(65_535),
  NodeKey: nodeKey,
  OldNodeKey: nodeKey,
  NLKey: lockKey,
  Auth: maybe(z.looseObject({ AuthKey: maybe(text) })),
  /** ms since 1970; undefined = unset; past = logout. */
  Expiry: time,
  Followup: maybe(text),
  Hostinfo: maybe(hostinfo),
  Ephemeral: maybe(z.boolean()),
  Tailnet: maybe(text),
});
export type RegisterRequest = z.infer<typeof registerRequest>;

const person = z.looseObject({ ID: int64, DisplayName: text, ProfilePicURL: maybe(text) });

export const registerResponse = z.looseObject({
  User: maybe(person),
  Login: maybe(
    z.looseObject({
      ID: int64,
      Provider: maybe(text),
      LoginName: text,
      DisplayName: text,
      ProfilePicURL: maybe(text),
    }),
  ),
  NodeKeyExpired: maybe(z.boolean()),
  MachineAuthorized: maybe(z.boolean()),
  AuthURL: maybe(text),
  NodeKeySignature: maybe(text),
  Error: maybe(text),
});
export type RegisterResponse = z.infer<typeof registerResponse>;
