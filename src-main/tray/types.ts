/** The tray as plain values: what it shows and what each entry does. */

export type TrayIcon = 'off' | 'connecting' | 'on' | 'on-exit' | 'warning' | 'blocked' | 'unknown';

export type TrayAction =
  | { readonly kind: 'open'; readonly route: string | undefined }
  | { readonly kind: 'connect'; readonly on: boolean }
  | { readonly kind: 'exit-node'; readonly id: string }
  | { readonly kind: 'allow-lan'; readonly on: boolean }
  | { readonly kind: 'shared-networks'; readonly on: boolean }
  | { readonly kind: 'account'; readonly id: string }
  | { readonly kind: 'sign-in' | 'sign-in-page' | 'sign-in-copy' | 'sign-in-cancel' | 'admin-page' }
  | { readonly kind: 'service'; readonly verb: 'start' | 'restart' }
  | { readonly kind: 'copy'; readonly text: string }
  | { readonly kind: 'quit'; readonly disconnect: boolean };

export type TrayItem =
  | { readonly kind: 'separator' }
  /** Says something and does nothing. */
  | { readonly kind: 'label'; readonly id: string; readonly text: string }
  | {
      readonly kind: 'action' | 'check' | 'radio';
      readonly id: string;
      readonly text: string;
      readonly isChecked: boolean;
      /** False for who may only look. */
      readonly isEnabled: boolean;
      readonly does: TrayAction;
    }
  | {
      readonly kind: 'submenu';
      readonly id: string;
      readonly text: string;
      readonly items: readonly TrayItem[];
    };

export interface TrayModel {
  readonly icon: TrayIcon;
  /** A dot on the icon: something waits for the person. */
  readonly hasAttention: boolean;
  readonly tooltip: string;
  readonly menu: readonly TrayItem[];
}
