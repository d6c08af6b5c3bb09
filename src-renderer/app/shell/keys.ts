/** Does what the keys of the whole app mean (keymap.ts); never inside a text that is being written, or behind a dialog. */
import { useEffect } from 'react';
import { canSwitch, isOnIn, switchTo } from '../store/connection.ts';
import { mayManage, uiOf, useApp } from '../store/store.ts';
import { meant, type ShellKey } from './keymap.ts';
import { keyboard } from './platform.ts';
import { go, goBack, routeNow } from './route.ts';
import { navigation } from './sections.ts';

export interface KeyActions {
  readonly openPalette: () => void;
  readonly openKeys: () => void;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'));

const isLayered = (): boolean => document.querySelector('.veil, .popup') !== null;

/** True = done, and nobody else's any more. */
type Act = (event: KeyboardEvent, actions: KeyActions) => boolean;

const goTo = (path: string): boolean => {
  go(path);
  return true;
};

const ACTS: Readonly<Record<ShellKey, Act>> = {
  palette: (_event, { openPalette }) => {
    openPalette();
    return true;
  },
  section: ({ key }) => {
    const section = navigation[Number(key) - 1];
    return section !== undefined && goTo(section.path);
  },
  toggle: () => {
    const state = useApp.getState();
    const ui = uiOf(state);
    if (!mayManage(state) || !canSwitch(ui)) return false;
    switchTo(!isOnIn(ui));
    return true;
  },
  exit: () => goTo('/exit-node'),
  settings: () => goTo('/settings'),
  search: () => {
    const field = searchField();
    field?.focus();
    field?.select();
    return field !== null;
  },
  back: () => {
    goBack();
    return true;
  },
  panes: ({ shiftKey }) => nextPane(shiftKey ? -1 : 1),
  close: ({ target }) => {
    if (hasText(target)) return false;
    if (clearSearch()) return true;
    if (routeNow().path === '/') return false;
    goBack();
    return true;
  },
  sheet: (_event, { openKeys }) => {
    openKeys();
    return true;
  },
};

/** Not in a text field: they are letters there, or move the caret. */
const NEVER_IN_TEXT: readonly ShellKey[] = ['sheet', 'back', 'search'];

const searchField = (): HTMLInputElement | null => document.querySelector('main input[data-search]');

/** What is searched for is a layer over the whole list. */
function clearSearch(): boolean {
  const field = searchField();
  if (field === null || field.value === '') return false;
  field.parentElement?.querySelector<HTMLElement>('.search-clear')?.click();
  field.focus();
  return true;
}

/** Escape in a field that has something in it is the field's. */
const hasText = (target: EventTarget | null): boolean =>
  (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) &&
  target.type !== 'checkbox' &&
  target.value !== '';

/** Panes in the order of the page, those that hold others left out, the news at the edge last. */
function nextPane(step: 1 | -1): boolean {
  const all = [...document.querySelectorAll<HTMLElement>('[data-pane], .toasts')].filter(
    (pane) => pane.checkVisibility?.() ?? true,
  );
  const panes = all.filter((pane) => !all.some((other) => other !== pane && pane.contains(other)));
  const here = panes.findIndex((pane) => pane.contains(document.activeElement));
  const next = panes[here === -1 ? 0 : (here + step + panes.length) % panes.length];
  const target = next?.querySelector<HTMLElement>('[aria-current="page"]') ?? next;
  target?.focus();
  return target !== undefined;
}

/** Gives back how to stop listening. */
export function listenToKeys(actions: KeyActions): () => void {
  const act = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing) return;
    const id = meant(event, keyboard());
    if (id === undefined || isLayered()) return;
    const isCommand = event.ctrlKey || event.metaKey;
    if (NEVER_IN_TEXT.includes(id) && !isCommand && isTyping(event.target)) return;
    if (!ACTS[id](event, actions)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const late = (event: KeyboardEvent): void => {
    if (event.key !== 'F6') act(event);
  };
  // Before the region of toasts, which would keep F6 to itself while it is there.
  const early = (event: KeyboardEvent): void => {
    if (event.key === 'F6') act(event);
  };
  addEventListener('keydown', late);
  addEventListener('keydown', early, { capture: true });
  return () => {
    removeEventListener('keydown', late);
    removeEventListener('keydown', early, { capture: true });
  };
}

export function useKeys(actions: KeyActions): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the actions only set state
  useEffect(() => listenToKeys(actions), []);
}
