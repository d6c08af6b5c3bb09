/**
 * What a page may ask of its host and what the host tells it: two tables of schemas, the same for Electron and for the
 * daemon's web page (desktop.md §9). Adding a call is one row here and one handler; a missing handler is a type error.
 */
import { z } from 'zod';
import type { Patch, Snapshot } from '../ui-state/types.ts';
import { bytes, fewEntries, id, longText, milliseconds, shortText } from './values.ts';

/** What a host can do beyond the calls that every host has. */
export const CAPABILITIES = [
  'service',
  'tray',
  'notifications',
  'login-item',
  'terminal',
  'local-files',
  'window',
  'updates',
  'forwarding',
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** Pages that can be opened; `warning` and `device-web` say which by their id. */
export const PAGE_KINDS = [
  'auth',
  'admin',
  'warning',
  'help',
  'release-notes',
  'source',
  'device-web',
] as const;
export type PageKind = (typeof PAGE_KINDS)[number];

export interface Call {
  /** `read`: also for people who may look and not change. */
  readonly access: 'read' | 'manage';
  readonly arg: z.ZodType;
  readonly result: z.ZodType;
  /** Ends the call; long work returns an operation instead. Milliseconds; the default is 10 s. */
  readonly timeoutMs?: number;
  /** It is carried out also when the page that asked has gone. */
  readonly lasts?: boolean;
  /** For how many ordinary calls it counts against the caller's rate. */
  readonly cost?: number;
}

const call = <A extends z.ZodType, R extends z.ZodType>(
  access: 'read' | 'manage',
  arg: A,
  result: R,
  timeoutMs?: number,
  cost?: number,
) => ({
  access,
  arg,
  result,
  ...(timeoutMs !== undefined && { timeoutMs }),
  ...(cost !== undefined && { cost }),
});

const nothing = z
  .undefined()
  .or(z.null())
  .transform(() => undefined);
/** What shall be otherwise: who closes the window after a click means the click. */
const change = <A extends z.ZodType>(arg: A) => ({
  ...call('manage', arg, nothing, 30_000),
  lasts: true,
});
const operation = z.object({ operation: id });
const prefixes = z.array(z.string().max(64)).max(512);

/** Settings of the daemon that may be edited; what is absent stays. */
export const settingsEdit = z.strictObject({
  wantRunning: z.boolean().optional(),
  hostname: z.string().max(253).optional(),
  acceptRoutes: z.boolean().optional(),
  acceptDns: z.boolean().optional(),
  shieldsUp: z.boolean().optional(),
  runSsh: z.boolean().optional(),
  runWebClient: z.boolean().optional(),
  postureChecking: z.boolean().optional(),
  allowLan: z.boolean().optional(),
  advertiseRoutes: prefixes.optional(),
  noSnat: z.boolean().optional(),
  netfilterMode: z.union([z.literal(0), z.literal(1), z.literal(2)]).optional(),
  operator: shortText.optional(),
  nickname: shortText.optional(),
  autoUpdateCheck: z.boolean().optional(),
  autoUpdateApply: z.boolean().optional(),
  unattended: z.boolean().optional(),
});

/** The program's own settings; not the daemon's. */
export const guiSettings = z.object({
  language: shortText,
  theme: z.enum(['system', 'light', 'dark']),
  contrast: z.enum(['system', 'more']),
  density: z.enum(['comfortable', 'compact']),
  trayIcon: z.enum(['colour', 'mono', 'off']),
  onClose: z.enum(['auto', 'hide', 'quit']),
  startAtLogin: z.boolean(),
  startHidden: z.boolean(),
  confirmDisconnect: z.boolean(),
  /** By kind; what is absent is at its default. */
  notifications: z.record(shortText, z.boolean()).refine(fewEntries),
  notifyOnlyHidden: z.boolean(),
  pinnedDevices: z.array(id).max(256),
  recentExitNodes: z.array(id).max(16),
  /** The last user name by device. */
  sshUsers: z.record(id, shortText).refine(fewEntries),
  /** The cards of the first run were read or skipped. */
  isIntroduced: z.boolean(),
  /** Warnings of little weight that were put away: by code, the etag they had. */
  dismissed: z.record(shortText, shortText).refine(fewEntries),
  /** Before then nothing is said of a key that is about to end, but for its last hour. Wall clock. */
  quietKeyUntilMs: milliseconds,
});
export type GuiSettings = z.infer<typeof guiSettings>;

export const pingKind = z.enum(['disco', 'icmp', 'tsmp', 'peerapi']);

export const netcheckReport = z.object({
  atMs: milliseconds,
  udp: z.boolean(),
  ipv4: z.string().max(64),
  ipv6: z.string().max(64),
  mappingVaries: z.boolean().nullable(),
  portMapping: z.array(z.enum(['UPnP', 'NAT-PMP', 'PCP'])).max(3),
  captivePortal: z.boolean().nullable(),
  preferred: z.number().int(),
  regions: z
    .array(
      z.object({
        id: z.number().int(),
        code: shortText,
        name: shortText,
        v4Ms: z.number().nullable(),
        v6Ms: z.number().nullable(),
      }),
    )
    .max(512),
});
export type NetcheckReport = z.infer<typeof netcheckReport>;

const perSecond = z.array(bytes).max(3_600);

/** Bytes of each second, newest last; all four lists have the same length. */
export const trafficSeries = z.object({
  /** End of the last second. */
  endMs: milliseconds,
  direct: z.object({ in: perSecond, out: perSecond }),
  relayed: z.object({ in: perSecond, out: perSecond }),
});
export type TrafficSeries = z.infer<typeof trafficSeries>;

export const calls = {
  /** Megabytes of it in a large network. */
  'state.get': call(
    'read',
    nothing,
    z.object({ seq: z.number().int(), snapshot: z.custom<Snapshot>() }),
    undefined,
    10,
  ),
  /** The past so many seconds, of all or of one device; then a `traffic` event with each new one. Replaces what was watched. */
  'traffic.watch': call(
    'read',
    z.strictObject({ device: id.optional(), seconds: z.number().int().min(10).max(3_600) }),
    trafficSeries,
  ),
  'traffic.unwatch': call('read', nothing, nothing),
  /** Who sent and received most since the daemon knows them, most first; of one device when it is named. */
  'traffic.top': call(
    'read',
    z.strictObject({ device: id.optional() }),
    z.array(z.object({ id, in: bytes, out: bytes })).max(20),
  ),
  'prefs.edit': change(settingsEdit),
  'login.start': call(
    'manage',
    z.strictObject({
      server: z.string().max(2_048).optional(),
      authKey: z.string().max(1_024).optional(),
      hostname: z.string().max(253).optional(),
      /** With `tag:` before each; absent = as before. */
      tags: z.array(z.string().max(256)).max(64).optional(),
      /** Sign in again with a new key although the old one is good. */
      force: z.boolean().optional(),
    }),
    nothing,
    30_000,
  ),
  'login.cancel': change(nothing),
  /** Only for those who may sign in: it makes the host ask any address. */
  'login.probeServer': call(
    'manage',
    z.strictObject({ url: z.string().max(2_048) }),
    z.object({
      /** As it was understood. */
      url: z.string(),
      isReachable: z.boolean(),
      /** `address`: it is none; `foreign`: something else answers there. */
      trouble: z.enum(['none', 'address', 'foreign', 'tls', 'unreachable']),
      /** In the host's words; '' = there is none. */
      problem: longText,
    }),
    15_000,
  ),
  logout: change(nothing),
  'account.add': change(nothing),
  'account.switch': change(z.strictObject({ id })),
  'account.remove': change(z.strictObject({ id })),
  /** `id: ''` = none; the daemon keeps the one that was used, for `exitNode.toggleLast`. */
  'exitNode.set': change(
    z.strictObject({
      id: z.string().max(128).optional(),
      auto: z.boolean().optional(),
      allowLan: z.boolean().optional(),
    }),
  ),
  'exitNode.toggleLast': change(z.strictObject({ on: z.boolean() })),
  'exitNode.suggest': call('read', nothing, z.object({ id: z.string().max(128), name: shortText })),
  'exitNode.offer': change(z.strictObject({ on: z.boolean() })),
  /** What hinders sharing routes on this machine; '' = nothing. */
  'routes.check': call('read', nothing, z.object({ forwarding: longText, udpGro: longText })),
  /** Own interfaces' networks, to suggest as routes and to show overlaps. */
  'routes.local': call(
    'read',
    nothing,
    z.array(z.object({ interface: shortText, prefix: z.string().max(64) })).max(256),
  ),
  /** Each answer is a `ping` event. */
  'device.ping': call(
    'read',
    z.strictObject({ id, kind: pingKind, count: z.number().int().min(1).max(60) }),
    operation,
  ),
  'device.pin': call('read', z.strictObject({ id, on: z.boolean() }), nothing),
  /** Opens a terminal where the host has one; the command is for copying where it has none. */
  'device.ssh': call(
    'read',
    z.strictObject({ id, user: shortText }),
    z.object({ launched: z.boolean(), command: longText }),
  ),
  'path.explain': call(
    'read',
    z.strictObject({ id }),
    z.object({
      /** In the daemon's words; '' = it does not say. */
      conclusion: longText,
      /** Where it may be, and what became of it there. */
      tried: z
        .array(
          z.object({
            endpoint: z.string().max(64),
            /** In use; answered a probe; did not; was not asked, or nobody says. */
            result: z.enum(['used', 'answered', 'silent', 'known']),
            atMs: milliseconds.nullable(),
            latencyMs: milliseconds.nullable(),
          }),
        )
        .max(256),
      /** By what ways it was reached lately, oldest first. */
      history: z.array(z.object({ atMs: milliseconds, from: shortText, to: shortText })).max(64),
    }),
  ),
  'netcheck.run': call('read', nothing, netcheckReport, 60_000, 10),
  'dns.status': call(
    'read',
    nothing,
    z.object({
      nameservers: z.array(shortText).max(64),
      searchDomains: z.array(shortText).max(256),
      matchDomains: z.array(shortText).max(1_024),
      resolvers: z.array(shortText).max(256),
      routes: z
        .array(z.object({ suffix: z.string().max(1_024), resolvers: z.array(shortText).max(64) }))
        .max(1_024),
    }),
  ),
  'dns.query': call(
    'manage',
    z.strictObject({ name: z.string().min(1).max(253), type: z.string().max(10) }),
    z.object({
      code: shortText,
      answers: z.array(longText).max(256),
      resolvers: z.array(shortText).max(64),
      ms: z.number(),
    }),
    15_000,
  ),
  /** The last lines, one JSON object each; with `follow` new ones come as `log` events until it is asked without. */
  'log.tail': call(
    'manage',
    z.strictObject({ follow: z.boolean() }),
    z.array(longText).max(2_000),
    undefined,
    10,
  ),
  'report.build': call(
    'manage',
    z.strictObject({ mask: z.boolean() }),
    z.array(z.object({ name: shortText, text: z.string().max(4_000_000) })).max(32),
    60_000,
    10,
  ),
  'operation.cancel': call('read', z.strictObject({ operation: id }), nothing),
  'gui.get': call('read', nothing, guiSettings),
  'gui.edit': call('read', guiSettings.partial().strict(), guiSettings),
  /** By reference: a page never names an address to open. A host without a browser of its own leaves opening to the page. */
  'open.url': call(
    'read',
    z.strictObject({ kind: z.enum(PAGE_KINDS), id: shortText.optional() }),
    z.object({ url: z.string().max(4_096), isOpened: z.boolean() }),
  ),
  'clipboard.write': call('read', z.strictObject({ text: z.string().max(1_000_000) }), nothing),
  // Only where the host says that it can.
  /** What helps somebody whose service does not run, or runs in another version. */
  'service.status': call(
    'read',
    nothing,
    z.object({
      /** It starts with the computer; null = nobody says, or it can't be chosen. */
      isAtBoot: z.boolean().nullable(),
      /** What it wrote last, oldest first; [] = none that this person may read; null = none are kept. */
      lines: z.array(longText).max(20).nullable(),
      /** On disk there is a newer app than the one that runs. */
      isAppReplaced: z.boolean(),
    }),
    15_000,
    5,
  ),
  'service.install': call('read', nothing, nothing, 120_000),
  /** `atBoot`: from now on also with the computer. */
  'service.start': call('read', z.strictObject({ atBoot: z.boolean() }), nothing, 120_000),
  'service.restart': call('read', nothing, nothing, 120_000),
  'operator.grant': call('read', nothing, nothing, 120_000),
  /** The system passes on packets of others, from now on and after each start. */
  'forwarding.enable': call('manage', nothing, nothing, 120_000),
  /** Only where `service.status` says that the app was replaced. */
  'app.relaunch': call('read', nothing, nothing),
  'window.hide': call('read', nothing, nothing),
  'update.check': call('read', nothing, z.object({ version: shortText, isNewer: z.boolean() }), 30_000),
  'update.install': call('manage', nothing, nothing, 120_000),
} as const satisfies Readonly<Record<string, Call>>;

export type CallName = keyof typeof calls;

/** What needs a desktop around it; everything else is done alike everywhere. */
export const SHELL_CALLS = [
  'service.status',
  'service.install',
  'service.start',
  'service.restart',
  'operator.grant',
  'forwarding.enable',
  'app.relaunch',
  'window.hide',
  'update.check',
  'update.install',
] as const satisfies readonly CallName[];
/** They make this machine send, or tell of the networks that it is in: not for who looks at it from afar. */
export const LOCAL_CALLS = [
  'device.ping',
  'netcheck.run',
  'routes.local',
] as const satisfies readonly CallName[];
export type ShellCall = (typeof SHELL_CALLS)[number];
export type ArgOf<K extends CallName> = z.input<(typeof calls)[K]['arg']>;
/** What a handler is given. */
export type ParsedArg<K extends CallName> = z.output<(typeof calls)[K]['arg']>;
export type ResultOf<K extends CallName> = z.output<(typeof calls)[K]['result']>;

const pingSample = z.object({
  operation: id,
  /** Undefined = no answer. */
  latencyMs: z.number().optional(),
  via: shortText,
  error: longText.optional(),
  isLast: z.boolean(),
});

export const events = {
  /** The whole state, after a gap. */
  snapshot: z.object({ seq: z.number().int(), snapshot: z.custom<Snapshot>() }),
  patch: z.object({ seq: z.number().int(), patch: z.custom<Patch>() }),
  /** The seconds since the last event, usually one. */
  traffic: trafficSeries,
  ping: pingSample,
  log: z.array(longText).max(2_000),
  /** What the system's helper says while a call that asks for a password is under way. */
  operation: z.object({ call: shortText, line: longText }),
  /** Another part of the program wants this page shown: `/devices/abc`. */
  navigate: z.string().max(512),
  gui: guiSettings,
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type EventName = keyof typeof events;
export type ValueOf<K extends EventName> = z.output<(typeof events)[K]>;

/** What a page sees; `window.rhumb` in Electron, made over a WebSocket elsewhere. */
export interface Bridge {
  readonly host: {
    readonly kind: 'electron' | 'web';
    readonly can: readonly Capability[];
    /** As Node names it. */
    readonly platform: string;
    readonly version: string;
    /** What shows the tray's icons, by its own name; absent = nobody says. */
    readonly trayHost?: string;
  };
  /** Rejects with a RhumbError-like `{code, message}`. */
  call<K extends CallName>(name: K, arg: ArgOf<K>): Promise<ResultOf<K>>;
  on<K extends EventName>(name: K, listener: (value: ValueOf<K>) => void): () => void;
}
