/** Notifications as plain values. */
import type { TextKey } from '../text/en.ts';

export type NoticeAction =
  | { readonly kind: 'open'; readonly route: string }
  | { readonly kind: 'stop-exit-node' | 'sign-in' | 'sign-in-page' };

/** What is to be told, before it is put into words. */
export interface Told {
  /** A newer one of the same category takes its place. */
  readonly category: string;
  /** The kind that people switch on and off: `exit.broken`, `health`. */
  readonly kind: string;
  readonly title: TextKey | { readonly text: string };
  readonly body: TextKey | { readonly text: string };
  readonly values: Readonly<Record<string, string | number>>;
  /** What makes it news; the same again within the hour does not. Without, its words do. */
  readonly news?: readonly string[];
  readonly isUrgent: boolean;
  /** Stays until it is dealt with. */
  readonly isLasting: boolean;
  readonly actions: readonly { readonly text: TextKey; readonly does: NoticeAction }[];
  /** A click anywhere else. */
  readonly does: NoticeAction;
}

export type NotifyEffect =
  | { readonly kind: 'show'; readonly told: Told }
  | { readonly kind: 'close'; readonly category: string };
