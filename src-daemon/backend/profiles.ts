/** Who this machine is and what its user wants, as kept in the state store (localapi-and-daemon.md §3.9). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatPrivate, type PrivateKey, parsePrivateKey, ZERO_PRIVATE_TEXT } from '#shared/key/key.ts';
import { encodePrefs, newPrefs, type Prefs, prefs } from '#shared/localapi/prefs.ts';
import { goTimeOrOmit } from '#shared/localapi/struct.ts';
import {
  encodeLoginProfile,
  type LoginProfile,
  loginProfile,
  NO_PROFILE,
  NO_USER,
  type UserProfile,
  userProfile,
} from '#shared/localapi/user.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import { maybe, text, time } from '#shared/wire/scalars.ts';
import type { StateStore } from '../store/state-store.ts';
import { formatLockPrivate, type LockPrivate, parseLockPrivate } from './lock-key.ts';
import { type NoteKind, noteKeys, readNote, writeNote } from './profile-notes.ts';

/** The identity within a profile; secret, and never part of a reply. */
export interface Persist {
  readonly nodeKey: PrivateKey | undefined;
  readonly oldNodeKey: PrivateKey | undefined;
  /** When the node key was first let in, wall clock ms; undefined for keys of earlier versions. */
  readonly keyCreatedMs: number | undefined;
  readonly lockKey: LockPrivate;
  readonly user: UserProfile;
  /** Our stable id as the server gave it; empty before the first map. */
  readonly nodeId: string;
}

export interface Profile {
  readonly login: LoginProfile;
  readonly prefs: Prefs;
  readonly persist: Persist;
}

const MACHINE_KEY = '_machinekey';
const PROFILES = '_profiles';
const CURRENT = '_current-profile';

const privateKey = z
  .string()
  .max(256)
  .nullish()
  .transform((raw, context): PrivateKey | undefined => {
    if (raw === undefined || raw === null || raw === '' || raw === ZERO_PRIVATE_TEXT) return undefined;
    try {
      return parsePrivateKey(raw);
    } catch {
      context.addIssue({ code: 'custom', message: 'malformed private key' });
      return z.NEVER;
    }
  });

const persistShape = z.object({
  PrivateNodeKey: privateKey,
  OldPrivateNodeKey: privateKey,
  NetworkLockKey: maybe(text),
  UserProfile: maybe(userProfile),
  NodeID: maybe(text),
  NodeKeyCreated: time,
});
const profileBlob = z.looseObject({ Config: persistShape.nullish() });
const profileList = z.record(z.string().regex(/^[0-9a-f]{4,32}$/), loginProfile);

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
const damaged = (key: string, cause?: unknown): RhumbError =>
  new RhumbError(
    'conflict',
    `state entry ${key} is damaged: put back a copy of the state file, or move it away to join as a new machine`,
    {
      cause,
    },
  );

export interface ProfileSources {
  readonly store: StateStore;
  readonly newPrivateKey: () => PrivateKey;
  readonly newLockKey: () => LockPrivate;
  /** Hex digits for the id of a profile. */
  readonly newId: () => string;
  /** Wall clock, ms. */
  readonly nowMs: () => number;
}

/** The profiles in the store. Every method that changes something resolves when it is on disk. */
export class Profiles {
  readonly #from: ProfileSources;
  #list: Readonly<Record<string, LoginProfile>>;

  constructor(from: ProfileSources) {
    this.#from = from;
    this.#list = this.#read(PROFILES, profileList) ?? {};
  }

  /** Made once and kept over logins: losing it makes a new machine. */
  async machineKey(): Promise<PrivateKey> {
    const stored = this.#from.store.get(MACHINE_KEY);
    if (stored !== undefined) {
      try {
        return parsePrivateKey(new TextDecoder().decode(stored).trim());
      } catch (error) {
        throw damaged(MACHINE_KEY, error);
      }
    }
    const fresh = this.#from.newPrivateKey();
    await this.#from.store.set(MACHINE_KEY, bytes(formatPrivate(fresh)));
    return fresh;
  }

  /** The profile in use, or a new one, which is stored with its first change. */
  current(): Profile {
    const raw = this.#from.store.get(CURRENT);
    if (raw === undefined) return this.fresh();
    const key = new TextDecoder().decode(raw);
    const blob = this.#from.store.get(key);
    if (blob === undefined) throw damaged(key);
    return this.#decode(key, blob, this.#list[idOf(key)]);
  }

  /** Profiles that have logged in, oldest first, then by name. */
  all(): readonly LoginProfile[] {
    return Object.values(this.#list)
      .filter((login) => login.NodeID !== '')
      .sort(
        (a, b) =>
          (a.Created ?? 0) - (b.Created ?? 0) ||
          inOrder(a.Name, b.Name) ||
          inOrder(a.NetworkProfile.DomainName, b.NetworkProfile.DomainName),
      );
  }

  find(id: string): Profile | undefined {
    const login = this.#list[id];
    const blob = login === undefined ? undefined : this.#from.store.get(login.Key);
    return login === undefined || blob === undefined ? undefined : this.#decode(login.Key, blob, login);
  }

  fresh(): Profile {
    const id = this.#freeId();
    return {
      login: { ...NO_PROFILE, ID: id, Key: `profile-${id}`, Created: this.#from.nowMs() },
      prefs: newPrefs(),
      persist: {
        nodeKey: undefined,
        oldNodeKey: undefined,
        keyCreatedMs: undefined,
        lockKey: this.#from.newLockKey(),
        user: NO_USER,
        nodeId: '',
      },
    };
  }

  /**
   * The same profile under the id of an earlier one of the same account, when it has just logged in for the first time: then
   * it goes on with that one, which keeps its place in lists.
   */
  continued(profile: Profile): Profile {
    const { login } = profile;
    const isKnown = (this.#list[login.ID]?.NodeID ?? '') !== '';
    const earlier = isKnown ? undefined : this.all().find((other) => isSameAccount(other, login));
    if (earlier === undefined) return profile;
    return {
      ...profile,
      login: { ...login, ID: earlier.ID, Key: earlier.Key, Created: earlier.Created },
    };
  }

  /** Stores a profile and makes it the current one. Others of the same account give way, and those that never logged in. */
  async save(profile: Profile): Promise<void> {
    const changes = new Map<string, Uint8Array | undefined>();
    const list = { ...this.#list, [profile.login.ID]: profile.login };
    for (const other of Object.values(this.#list)) {
      if (other.ID === profile.login.ID) continue;
      if (other.NodeID !== '' && !isSameAccount(other, profile.login)) continue;
      delete list[other.ID];
      changes.set(other.Key, undefined);
    }
    this.#list = list;
    changes.set(PROFILES, bytes(stringifyJson(encodeList(list))));
    changes.set(CURRENT, bytes(profile.login.Key));
    changes.set(profile.login.Key, bytes(encodeProfile(profile)));
    await this.#from.store.update(changes);
  }

  /** A small document kept with a profile; undefined when there is none. */
  note({ Key }: LoginProfile, kind: NoteKind): string | undefined {
    return readNote(this.#from.store, Key, kind);
  }

  setNote({ Key }: LoginProfile, kind: NoteKind, text: string): Promise<void> {
    return writeNote(this.#from.store, Key, kind, text);
  }

  async remove(id: string): Promise<void> {
    const login = this.#list[id];
    if (login === undefined) return;
    const { [id]: _, ...list } = this.#list;
    const current = this.#from.store.get(CURRENT);
    const isCurrent = current !== undefined && new TextDecoder().decode(current) === login.Key;
    await this.#from.store.update(
      new Map([
        [PROFILES, bytes(stringifyJson(encodeList(list)))],
        [login.Key, undefined],
        ...noteKeys(login.Key).map((key) => [key, undefined] as const),
        ...(isCurrent ? [[CURRENT, undefined] as const] : []),
      ]),
    );
    // Only now: a removal that fails must be there to be tried again.
    this.#list = list;
  }

  /** Forgets every profile and the key of this machine: whoever logs in next is a new machine. */
  async reset(): Promise<void> {
    const current = this.#from.store.get(CURRENT);
    const keys = Object.values(this.#list).map(({ Key }) => Key);
    if (current !== undefined) keys.push(new TextDecoder().decode(current));
    const gone = [MACHINE_KEY, PROFILES, CURRENT, ...keys];
    await this.#from.store.update(new Map(gone.map((key) => [key, undefined])));
    this.#list = {};
  }

  #freeId(): string {
    let id = this.#from.newId();
    while (this.#list[id] !== undefined) id = this.#from.newId();
    return id;
  }

  #read<T>(key: string, schema: z.ZodType<T>): T | undefined {
    const raw = this.#from.store.get(key);
    if (raw === undefined) return undefined;
    return parseBlob(key, raw, schema);
  }

  #decode(key: string, blob: Uint8Array, login: LoginProfile | undefined): Profile {
    const stored = parseBlob(key, blob, prefs);
    const config = parseBlob(key, blob, profileBlob).Config;
    const lock = config?.NetworkLockKey;
    const lockKey = lock === undefined ? undefined : parseLockPrivate(lock);
    if (lock !== undefined && lockKey === undefined) throw damaged(key);
    return {
      login: login ?? { ...NO_PROFILE, ID: idOf(key), Key: key, Created: this.#from.nowMs() },
      prefs: { ...stored, Config: undefined },
      persist: {
        nodeKey: config?.PrivateNodeKey,
        oldNodeKey: config?.OldPrivateNodeKey,
        keyCreatedMs: config?.NodeKeyCreated,
        lockKey: lockKey ?? this.#from.newLockKey(),
        user: config?.UserProfile ?? NO_USER,
        nodeId: config?.NodeID ?? '',
      },
    };
  }
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const idOf = (key: string): string => key.replace(/^profile-/, '');

/** Users of these are many machines. */
const TAGGED = 'tagged-devices';

/** One machine, or one user, of one server. */
function isSameAccount(a: LoginProfile, b: LoginProfile): boolean {
  if (a.NodeID === '' || b.NodeID === '' || a.ControlURL !== b.ControlURL) return false;
  if (a.NodeID === b.NodeID) return true;
  const [one, other] = [a.UserProfile, b.UserProfile];
  if (one.LoginName === TAGGED || other.LoginName === TAGGED) return false;
  return String(one.ID) !== '0' && String(one.ID) === String(other.ID);
}

const encodeList = (list: Readonly<Record<string, LoginProfile>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(list).map(([id, login]) => [id, encodeLoginProfile(login)]));

function encodeProfile({ prefs: wanted, persist }: Profile): string {
  const secret = (key: PrivateKey | undefined): string =>
    key === undefined ? ZERO_PRIVATE_TEXT : formatPrivate(key);
  return stringifyJson({
    ...encodePrefs(wanted),
    Config: {
      PrivateNodeKey: secret(persist.nodeKey),
      OldPrivateNodeKey: secret(persist.oldNodeKey),
      UserProfile: persist.user,
      NetworkLockKey: formatLockPrivate(persist.lockKey),
      NodeID: persist.nodeId,
      NodeKeyCreated: goTimeOrOmit(persist.keyCreatedMs),
    },
  });
}

function parseBlob<T>(key: string, raw: Uint8Array, schema: z.ZodType<T>): T {
  let json: unknown;
  try {
    json = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(raw));
  } catch (error) {
    throw damaged(key, error);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw damaged(key, parsed.error);
  return parsed.data;
}

/** What clients see: the preferences with the public part of the identity. */
export function visiblePrefs({ prefs: wanted, persist }: Profile): Prefs {
  const known = persist.nodeKey !== undefined || persist.nodeId !== '';
  return { ...wanted, Config: known ? { UserProfile: persist.user, NodeID: persist.nodeId } : undefined };
}
