/** Making entries of the tray's menu. */
import { menuText } from '../text/clean.ts';
import type { TrayAction, TrayItem } from './types.ts';

export const separator: TrayItem = { kind: 'separator' };

export const label = (id: string, text: string): TrayItem => ({ kind: 'label', id, text: menuText(text) });

export const action = (id: string, text: string, does: TrayAction, isEnabled = true): TrayItem => ({
  kind: 'action',
  id,
  text: menuText(text),
  isChecked: false,
  isEnabled,
  does,
});

export const choice = (
  kind: 'check' | 'radio',
  id: string,
  text: string,
  isChecked: boolean,
  does: TrayAction,
  isEnabled: boolean,
): TrayItem => ({ kind, id, text: menuText(text), isChecked, isEnabled, does });

/** Nothing at all when there is nothing in it. */
export const submenu = (id: string, text: string, items: readonly TrayItem[]): TrayItem[] =>
  items.length === 0 ? [] : [{ kind: 'submenu', id, text: menuText(text), items }];

/** The first rows, and at the end where to find the others. */
export const atMost = (count: number, items: readonly TrayItem[], more: TrayItem): TrayItem[] =>
  items.length <= count ? [...items] : [...items.slice(0, count), more];
