/** The program's own settings: what they are when nobody chose, and how what is on disk becomes them. */
import { z } from 'zod';
import { type GuiSettings, guiSettings } from '#shared/bridge/contract.ts';
import { type Placement, placement } from '../window/placement.ts';

export const DEFAULTS: GuiSettings = {
  language: '',
  theme: 'system',
  contrast: 'system',
  density: 'comfortable',
  trayIcon: 'colour',
  onClose: 'auto',
  startAtLogin: false,
  startHidden: true,
  confirmDisconnect: false,
  notifications: {},
  notifyOnlyHidden: true,
  pinnedDevices: [],
  recentExitNodes: [],
  sshUsers: {},
  isIntroduced: false,
  dismissed: {},
  quietKeyUntilMs: 0,
};

/** Grows with each change of what a value means; MIGRATIONS[n] makes a file of version n one of n + 1. */
export const VERSION = 1;

type Fields = Readonly<Record<string, unknown>>;
export const MIGRATIONS: readonly ((old: Fields) => Fields)[] = [
  // 0: before there was a version, nothing was released.
  (old) => old,
];

const file = z.looseObject({ version: z.number().int().min(0).default(0) });

export interface Saved {
  readonly settings: GuiSettings;
  readonly window: Placement | undefined;
  /** What a newer version wrote and we don't know; it is written back. */
  readonly unknown: Fields;
  /** Of the newest program that wrote it: what it says by its own rules stays marked as such. */
  readonly version: number;
}

export const NOTHING_SAVED: Saved = { settings: DEFAULTS, window: undefined, unknown: {}, version: VERSION };

/** A value that makes no sense is as if it had not been chosen; the others stay. Undefined: the text is no settings at all. */
export function readSaved(text: string): Saved | undefined {
  const parsed = file.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  let fields: Fields = parsed.data;
  for (const migrate of MIGRATIONS.slice(parsed.data.version)) fields = migrate(fields);
  const { version: _version, window, ...rest } = fields;
  const known: Record<string, unknown> = {};
  const unknown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(rest)) {
    if (!Object.hasOwn(guiSettings.shape, name)) unknown[name] = value;
    else {
      const one = guiSettings.shape[name as keyof GuiSettings].safeParse(value);
      if (one.success) known[name] = one.data;
    }
  }
  const place = placement.safeParse(window);
  return {
    settings: guiSettings.parse({ ...DEFAULTS, ...known }),
    window: place.success ? place.data : undefined,
    unknown,
    version: Math.max(VERSION, parsed.data.version),
  };
}

export const writeSaved = ({ settings, window, unknown, version }: Saved): string =>
  `${JSON.stringify({ ...unknown, version, ...settings, window }, undefined, 2)}\n`;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
