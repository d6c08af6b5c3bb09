/** UserProfile, LoginProfile: who a machine belongs to (localapi-and-daemon.md §2.3, §2.5). */
import { z } from 'zod';
import type { Frozen } from '../frozen.ts';
import { list, text, time } from '../wire/scalars.ts';
import { id, str } from './read.ts';
import { encodeFields, type Fields, goTimeOrOmit, keep, omitEmpty, omitZero } from './struct.ts';

export const userProfile = z.object({
  ID: id,
  LoginName: str,
  DisplayName: str,
  ProfilePicURL: str,
  Groups: list(text, 4_096),
});
export type UserProfile = Frozen<z.infer<typeof userProfile>>;

export const NO_USER: UserProfile = userProfile.parse({});

/** A profile without an omit rule: null and absence read as all zero. */
export const profile = userProfile.nullish().transform((value) => value ?? userProfile.parse({}));

const emitUser: Fields<UserProfile> = {
  ID: keep,
  LoginName: keep,
  DisplayName: keep,
  ProfilePicURL: omitZero,
  Groups: omitEmpty,
};
export const encodeUserProfile = (value: UserProfile): Record<string, unknown> =>
  encodeFields(emitUser, value);

const networkProfile = z.object({ MagicDNSName: str, DomainName: str, DisplayName: str });

export const loginProfile = z.object({
  /** Four hex digits; empty before the first login. */
  ID: str,
  Name: str,
  NetworkProfile: networkProfile.nullish().transform((value) => value ?? networkProfile.parse({})),
  /** Name of its entry in the state store. */
  Key: str,
  UserProfile: profile,
  NodeID: str,
  /** Windows SID, else empty. */
  LocalUserID: str,
  ControlURL: str,
  Created: time,
});
export type LoginProfile = Frozen<z.infer<typeof loginProfile>>;

/** The all-zero profile that `profiles/current` gives before a login. */
export const NO_PROFILE: LoginProfile = loginProfile.parse({});

const emitProfile: Fields<LoginProfile> = {
  ID: keep,
  Name: keep,
  NetworkProfile: keep,
  Key: keep,
  UserProfile: encodeUserProfile,
  NodeID: keep,
  LocalUserID: keep,
  ControlURL: keep,
  Created: goTimeOrOmit,
};
export const encodeLoginProfile = (value: LoginProfile): Record<string, unknown> =>
  encodeFields(emitProfile, value);
