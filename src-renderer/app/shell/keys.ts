/** Keys that work everywhere in the app (desktop.md §4.3); single letters never inside a text field or over a dialog. */
import { useEffect } from 'react';
import { canSwitch, isOnIn, switchTo } from '../store/connection.ts';
import { mayManage, uiOf, useApp } from '../store/store.ts';
import { go, goBack, routeNow } from './route.ts';
import { navigation } from './sections.ts';

export interface KeyActions {
  readonly openPalette: () => void;
  readonly openKeys: () => void;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'));

const isLayered = (): boolean => document.querySelector('.veil, .popup') !== null;

function focusSearch(): boolean {
  const field = document.querySelector<HTMLInputElement>('main input[data-search]');
  field?.focus();
  field?.select();
  return field !== null;
}

/** Panes in the order of the page, the news at the edge last. */
function nextPane(step: 1 | -1): boolean {
  const panes = [...document.querySelectorAll<HTMLElement>('[data-pane], .toasts')].filter(
    (pane) => pane.checkVisibility?.() ?? true,
  );
  if (panes.length === 0) return false;
  const here = panes.findIndex((pane) => pane.contains(document.activeElement));
  const next = panes[(here === -1 ? 0 : here + step + panes.length) % panes.length];
  const target = next?.querySelector<HTMLElement>('[aria-current="page"]') ?? next;
  target?.focus();
  return true;
}

function toggle(): boolean {
  const state = useApp.getState();
  const ui = uiOf(state);
  if (!mayManage(state) || !canSwitch(ui)) return false;
  switchTo(!isOnIn(ui));
  return true;
}

/** With Ctrl or ⌘; true = done here. */
function withCommand(event: KeyboardEvent, { openPalette }: KeyActions): boolean {
  const key = event.key.toLowerCase();
  if (key === 'k') {
    openPalette();
    return true;
  }
  if (isLayered()) return false;
  if (event.shiftKey) return key === 'd' && toggle();
  if (key === 'e') return goTo('/exit-node');
  if (key === ',') return goTo('/settings');
  if (key === 'f') return focusSearch();
  if (key === '[' && event.metaKey) return back();
  const section = /^[1-9]$/.test(key) ? navigation[Number(key) - 1] : undefined;
  return section !== undefined && goTo(section.path);
}

const goTo = (path: string): boolean => {
  go(path);
  return true;
};
const back = (): boolean => {
  goBack();
  return true;
};

function plain(event: KeyboardEvent, { openKeys }: KeyActions): boolean {
  if (event.key === 'F6') return nextPane(event.shiftKey ? -1 : 1);
  if (isLayered()) return false;
  if (event.key === 'Escape') return !hasText(event.target) && routeNow().path !== '/' && back();
  if (isTyping(event.target)) return false;
  if (event.key === '/') return focusSearch();
  if (event.key !== '?') return false;
  openKeys();
  return true;
}

/** Escape in a field that has something in it is the field's. */
const hasText = (target: EventTarget | null): boolean =>
  (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) &&
  target.type !== 'checkbox' &&
  target.value !== '';

export function useKeys(actions: KeyActions): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the actions only set state
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.isComposing) return;
      const isDone =
        event.ctrlKey || event.metaKey
          ? withCommand(event, actions)
          : event.altKey
            ? event.key === 'ArrowLeft' && !isTyping(event.target) && back()
            : plain(event, actions);
      if (isDone) event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
