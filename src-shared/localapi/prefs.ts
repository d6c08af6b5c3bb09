/** Prefs, edits of them (MaskedPrefs) and Options for `start`: what the user wants (localapi-and-daemon.md §2.4). */
import { z } from 'zod';
import { RhumbError } from '../errors.ts';
import type { Frozen } from '../frozen.ts';
import { ZERO_PRIVATE_TEXT } from '../key/key.ts';
import { list, maybe, text } from '../wire/scalars.ts';
import { addr, addrPort, bool, optBool, port, prefix, str } from './read.ts';
import { encodeFields, type Fields, keep, omitEmpty, omitMissing, orNull } from './struct.ts';
import { encodeUserProfile, profile } from './user.ts';

/** What a missing `ControlURL` means: the same as for the official client (§2.4). */
export const DEFAULT_CONTROL_URL = 'https://controlplane.tailscale.com';

export const NetfilterMode = { Off: 0, NoDivert: 1, On: 2 } as const;
export type NetfilterMode = (typeof NetfilterMode)[keyof typeof NetfilterMode];

/** Who this machine is logged in as. Private keys never leave the daemon: they are written as zeros. */
const identity = z.object({ UserProfile: profile, NodeID: str });
export type Identity = Frozen<z.infer<typeof identity>>;

const netfilterMode = z
  .union([z.literal(0), z.literal(1), z.literal(2)])
  .nullish()
  .transform((value): NetfilterMode => value ?? NetfilterMode.Off);

const share = z.looseObject({ name: maybe(text), path: maybe(text), who: maybe(text) });

const fields = {
  ControlURL: str,
  RouteAll: bool,
  ExitNodeID: str,
  ExitNodeIP: addr,
  AutoExitNode: str,
  InternalExitNodePrior: str,
  ExitNodeAllowLANAccess: bool,
  CorpDNS: bool,
  RunSSH: bool,
  RunWebClient: bool,
  WantRunning: bool,
  LoggedOut: bool,
  ShieldsUp: bool,
  AdvertiseTags: list(text, 256),
  Hostname: str,
  NotepadURLs: bool,
  ForceDaemon: bool,
  Egg: bool,
  AdvertiseRoutes: list(prefix, 4_096),
  AdvertiseServices: list(text, 256),
  Sync: optBool,
  NoSNAT: bool,
  NoStatefulFiltering: optBool,
  NetfilterMode: netfilterMode,
  OperatorUser: str,
  ProfileName: str,
  AutoUpdate: z
    .object({ Check: bool, Apply: optBool })
    .nullish()
    .transform((value) => value ?? { Check: false, Apply: undefined }),
  AppConnector: z
    .object({ Advertise: bool })
    .nullish()
    .transform((value) => value ?? { Advertise: false }),
  PostureChecking: bool,
  NetfilterKind: str,
  RemoteConfig: bool,
  DriveShares: list(share, 1_024),
  RelayServerPort: port,
  RelayServerStaticEndpoints: list(addrPort, 64),
} as const;

const prefsShape = z.object({ ...fields, Config: maybe(identity) });

/** All preferences in our form: unset booleans, null slices and null pointers are undefined. */
export type Prefs = Frozen<z.infer<typeof prefsShape>>;

/** Reads a Prefs object; unknown fields are dropped, missing ones are zero (not the default of a new profile). */
export const prefs: z.ZodType<Prefs> = prefsShape;

/** Preferences of a profile that was never used (Linux; other systems accept routes by default). */
export function newPrefs(): Prefs {
  return {
    ...prefs.parse({}),
    CorpDNS: true,
    NoStatefulFiltering: true,
    NetfilterMode: NetfilterMode.On,
    AutoUpdate: { Check: true, Apply: undefined },
  };
}

/** An Ed25519 private key has 64 bytes. */
const ZERO_LOCK_KEY = `nlpriv:${'0'.repeat(128)}`;

const encodeIdentity = (value: Identity): unknown => ({
  PrivateNodeKey: ZERO_PRIVATE_TEXT,
  OldPrivateNodeKey: ZERO_PRIVATE_TEXT,
  UserProfile: encodeUserProfile(value.UserProfile),
  NetworkLockKey: ZERO_LOCK_KEY,
  NodeID: value.NodeID,
});

const emit: Fields<Prefs> = {
  ControlURL: keep,
  RouteAll: keep,
  ExitNodeID: keep,
  ExitNodeIP: keep,
  AutoExitNode: omitEmpty,
  InternalExitNodePrior: keep,
  ExitNodeAllowLANAccess: keep,
  CorpDNS: keep,
  RunSSH: keep,
  RunWebClient: keep,
  WantRunning: keep,
  LoggedOut: keep,
  ShieldsUp: keep,
  AdvertiseTags: keep,
  Hostname: keep,
  NotepadURLs: keep,
  ForceDaemon: omitEmpty,
  Egg: omitEmpty,
  AdvertiseRoutes: keep,
  AdvertiseServices: keep,
  Sync: keep,
  NoSNAT: keep,
  // opt.Bool: only "unset" is empty, an explicit false is written.
  NoStatefulFiltering: omitMissing,
  NetfilterMode: keep,
  OperatorUser: omitEmpty,
  ProfileName: omitEmpty,
  AutoUpdate: ({ Check, Apply }) => ({ Check, Apply: keep(Apply) }),
  AppConnector: keep,
  PostureChecking: keep,
  NetfilterKind: keep,
  RemoteConfig: keep,
  DriveShares: keep,
  RelayServerPort: omitMissing,
  RelayServerStaticEndpoints: omitEmpty,
  Config: orNull(encodeIdentity),
};

/** The JSON value of Prefs, with exactly the official client's names, order and omissions. */
export const encodePrefs = (value: Prefs): Record<string, unknown> => encodeFields(emit, value);

type Editable = Omit<Prefs, 'Config' | 'AutoUpdate' | 'InternalExitNodePrior'>;

/**
 * An edit: exactly the fields that are present change, also when their value is undefined ("unset"). This is what a
 * MaskedPrefs with its `…Set` bits means.
 */
export type PrefsEdit = Partial<Editable> & { readonly AutoUpdate?: Partial<Prefs['AutoUpdate']> };

const EDITABLE = Object.keys(fields).filter(
  (name) => name !== 'AutoUpdate' && name !== 'InternalExitNodePrior',
) as readonly (keyof Editable)[];

const autoUpdateMask = maybe(z.object({ CheckSet: bool, ApplySet: bool }));
const maskShape = z.object({
  ...Object.fromEntries(EDITABLE.map((name) => [`${name}Set`, bool])),
  InternalExitNodePriorSet: bool,
  AutoUpdateSet: autoUpdateMask,
});

function parseWith<T>(schema: z.ZodType<T>, json: unknown, what: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw new RhumbError('bad-argument', `invalid ${what}${where}: ${issue?.message ?? 'malformed'}`, {
    cause: result.error,
  });
}

/** Reads the body of `PATCH prefs`. Throws `bad-argument` with a text for the caller. */
export function parseMaskedPrefs(json: unknown): PrefsEdit {
  const values = parseWith(prefs, json, 'prefs');
  const mask = parseWith(maskShape, json, 'prefs mask');
  if (mask.InternalExitNodePriorSet) throw new RhumbError('bad-argument', "can't set Internal fields");
  const edit: Record<string, unknown> = {};
  const bits = mask as Readonly<Record<string, unknown>>;
  for (const name of EDITABLE) if (bits[`${name}Set`] === true) edit[name] = values[name];
  const { CheckSet = false, ApplySet = false } = mask.AutoUpdateSet ?? {};
  if (CheckSet || ApplySet)
    edit['AutoUpdate'] = {
      ...(CheckSet && { Check: values.AutoUpdate.Check }),
      ...(ApplySet && { Apply: values.AutoUpdate.Apply }),
    };
  return edit as PrefsEdit;
}

/** The body of `PATCH prefs` for an edit: the changed fields and their `…Set` bits. */
export function encodeMaskedPrefs(edit: PrefsEdit): Record<string, unknown> {
  const { AutoUpdate, ...plain } = edit;
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(plain)) {
    out[name] = keep(value);
    out[`${name}Set`] = true;
  }
  if (AutoUpdate !== undefined) {
    out['AutoUpdate'] = { Check: AutoUpdate.Check ?? false, Apply: keep(AutoUpdate.Apply) };
    out['AutoUpdateSet'] = { CheckSet: 'Check' in AutoUpdate, ApplySet: 'Apply' in AutoUpdate };
  }
  return out;
}

/** The preferences after an edit; the same object when nothing changes. */
export function applyPrefsEdit(current: Prefs, edit: PrefsEdit): Prefs {
  const { AutoUpdate, ...plain } = edit;
  const next: Prefs = {
    ...current,
    ...plain,
    AutoUpdate: AutoUpdate === undefined ? current.AutoUpdate : { ...current.AutoUpdate, ...AutoUpdate },
  };
  return samePrefs(current, next) ? current : next;
}

/** Whether two Prefs mean the same; a null and an empty slice do not differ in effect. */
export function samePrefs(a: Prefs, b: Prefs): boolean {
  const flat = (value: Prefs): string =>
    JSON.stringify(encodePrefs(value), (_key, item: unknown) => {
      if (typeof item === 'bigint') return item.toString();
      return Array.isArray(item) && item.length === 0 ? null : item;
    });
  return a === b || flat(a) === flat(b);
}

/** The body of `POST start`. */
const startOptions = z.object({ UpdatePrefs: maybe(prefs), AuthKey: str });
export type StartOptions = Frozen<z.infer<typeof startOptions>>;

/** Reads the body of `POST start`; the `Config` within UpdatePrefs is not to be trusted, the daemon keeps its own. */
export const parseStartOptions = (json: unknown): StartOptions =>
  parseWith(startOptions, json, 'start options');

export const encodeStartOptions = (options: StartOptions): Record<string, unknown> => ({
  FrontendLogID: '',
  UpdatePrefs: options.UpdatePrefs === undefined ? null : encodePrefs(options.UpdatePrefs),
  AuthKey: options.AuthKey,
});

/** Reads a whole Prefs body (`check-prefs`). */
export const parsePrefs = (json: unknown): Prefs => parseWith(prefs, json, 'prefs');
