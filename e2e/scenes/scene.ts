/** A scene: one moment of the app as data, and how to get there. */
import type { Page } from 'playwright-core';
import type {
  CallName,
  Capability,
  EventName,
  GuiSettings,
  ResultOf,
  ValueOf,
} from '#shared/bridge/contract.ts';
import type { BridgeCode } from '#shared/bridge/values.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';

/** What a call is answered with: a value, a failure, or nothing for ever. */
export type Answer<T> =
  | { readonly gives: T }
  | { readonly fails: BridgeCode; readonly message: string }
  | { readonly never: true };

export type Answers = { readonly [K in CallName]?: Answer<ResultOf<K>> };

export type SceneEvent = { [K in EventName]: { readonly name: K; readonly value: ValueOf<K> } }[EventName];

export interface Scene {
  /** Also the name of its picture: `home-on`. */
  readonly name: string;
  readonly snapshot: Snapshot;
  /** Such as `/devices/n-atlas`. */
  readonly route: string;
  readonly gui?: Partial<GuiSettings>;
  /** The window of the desktop program unless told. */
  readonly host?: 'electron' | 'web';
  readonly can?: readonly Capability[];
  /** As Node names it; Linux unless told. */
  readonly platform?: string;
  /** What shows the tray's icons, when somebody says. */
  readonly trayHost?: string;
  readonly answers?: Answers;
  /** What the host tells once the page is there. */
  readonly events?: readonly SceneEvent[];
  /** What the user does before the moment is reached. */
  readonly steps?: (page: Page) => Promise<void>;
  /** What must be readable when the moment is reached. */
  readonly reads: string | RegExp;
  /** A dialog, menu or palette is open, which Escape leaves. */
  readonly isLayer?: boolean;
  /** Too much for a picture, or no different from another. */
  readonly isUnpictured?: boolean;
}

export interface Look {
  readonly theme: 'light' | 'dark';
  readonly width: number;
  readonly height: number;
  readonly contrast?: 'more';
  /** Size of text, 1 = as designed. */
  readonly zoom?: number;
  readonly language?: string;
}

const WIDE = { width: 1_280, height: 800 };
const NARROW = { width: 400, height: 720 };

export const LOOKS: readonly Look[] = [
  { theme: 'light', ...WIDE },
  { theme: 'dark', ...WIDE },
  { theme: 'light', ...NARROW },
  { theme: 'dark', ...NARROW },
];

/** For those who see, read or speak otherwise. */
export const SPECIAL_LOOKS: readonly Look[] = [
  { theme: 'light', ...WIDE, contrast: 'more' },
  { theme: 'dark', ...WIDE, contrast: 'more' },
  { theme: 'light', ...WIDE, zoom: 2 },
  { theme: 'light', width: 320, height: 720 },
  { theme: 'light', ...WIDE, language: 'de' },
  { theme: 'dark', ...NARROW, language: 'fr' },
  { theme: 'light', ...WIDE, language: 'en-XA' },
  { theme: 'light', ...NARROW, language: 'en-XA' },
  { theme: 'light', ...WIDE, language: 'ar-XB' },
  { theme: 'dark', ...NARROW, language: 'ar-XB' },
];

export const lookName = ({ theme, width, contrast, zoom, language }: Look): string =>
  [theme, width, contrast && 'more contrast', zoom && `text × ${zoom}`, language].filter(Boolean).join(', ');
