/** Does something through the host and says how it went; what was wished for shows at once, and is taken back when it fails. */
import type { ArgOf, CallName, GuiSettings, PageKind, ResultOf } from '#shared/bridge/contract.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import { tellDone, tellFailed } from '../../ui/toast.tsx';
import { CallError, toCallError } from '../bridge/failure.ts';
import { type Key, t } from '../i18n/text.ts';
import { cut } from '../lib/foreign.tsx';
import { show, useApp } from './store.ts';
import { judge, WISH_MS, type Wish } from './wish.ts';

/** Rejects with a CallError. */
export async function ask<K extends CallName>(name: K, arg: ArgOf<K>): Promise<ResultOf<K>> {
  const { bridge } = useApp.getState();
  if (bridge === undefined) throw new CallError('unavailable', 'the page is not connected yet');
  try {
    return await bridge.call(name, arg);
  } catch (error) {
    throw toCallError(error);
  }
}

/** One sentence for people; the daemon's own reason is added where it can only be said by it. */
export function failureText(error: unknown): string {
  const { code, message } = toCallError(error);
  const key: Key = `failure.${code}`;
  return t(key, { why: cut(message, 300) });
}

/** What is told afterwards. */
export interface Told {
  readonly done?: string;
  /** From the usual sentence about why it failed. */
  readonly failed?: (why: string) => string;
}

/** True when it was done. */
export async function act<K extends CallName>(
  name: K,
  arg: ArgOf<K>,
  told: string | Told = {},
): Promise<boolean> {
  const { done, failed }: Told = typeof told === 'string' ? { done: told } : told;
  try {
    await ask(name, arg);
    if (done !== undefined) tellDone(done);
    return true;
  } catch (error) {
    const why = failureText(error);
    tellFailed(failed?.(why) ?? why);
    return false;
  }
}

let cancelWish = (): void => undefined;

/** As `act`, and shows the outcome before it is there. */
export async function wishFor<K extends CallName>(
  wish: Wish,
  name: K,
  arg: ArgOf<K>,
  told?: Told,
): Promise<boolean> {
  const retry = (): void => void wishFor(wish, name, arg, told);
  show(useApp.getState().confirmed, wish);
  cancelWish();
  const timer = setTimeout(() => {
    if (useApp.getState().wish !== wish) return;
    forget(wish);
    tellFailed(t('wish.late'), { label: t('common.retry'), run: retry });
  }, WISH_MS);
  cancelWish = () => clearTimeout(timer);
  const isDone = await act(name, arg, told);
  if (!isDone) forget(wish);
  return isDone;
}

function forget(wish: Wish): void {
  if (useApp.getState().wish !== wish) return;
  cancelWish();
  show(useApp.getState().confirmed, undefined);
}

/** For bridge/sync.ts alone: the next confirmed snapshot. */
export function newsFromDaemon(next: Snapshot): void {
  const { confirmed, wish } = useApp.getState();
  const isOpen = wish !== undefined && judge(wish, confirmed, next) === 'open';
  if (wish !== undefined && !isOpen) cancelWish();
  if (isLive(next)) useApp.setState({ asOfMs: undefined });
  else if (isLive(confirmed))
    useApp.setState({ asOfMs: next.link.kind === 'lost' ? next.link.sinceMs : Date.now() });
  show(next, isOpen ? wish : undefined);
}

const isLive = ({ link, state }: Snapshot): boolean => link.kind === 'ready' && state === 'Running';

/** The program's own settings: shown at once, and what the host answers holds. */
export async function editGui(change: Partial<GuiSettings>): Promise<void> {
  const before = useApp.getState().gui;
  useApp.setState({ gui: { ...before, ...change } });
  try {
    useApp.setState({ gui: await ask('gui.edit', change) });
  } catch (error) {
    useApp.setState({ gui: before });
    tellFailed(failureText(error));
  }
}

/**
 * By reference: the host says which page it is, having checked it. A host without a browser leaves opening to this page.
 * False when nothing was opened.
 */
export async function openPage(kind: PageKind, id?: string): Promise<boolean> {
  try {
    const { url, isOpened } = await ask('open.url', id === undefined ? { kind } : { kind, id });
    return isOpened || openHere(url);
  } catch (error) {
    tellFailed(failureText(error));
    return false;
  }
}

function openHere(url: string): boolean {
  const parsed = URL.parse(url);
  if (useApp.getState().host.kind !== 'web' || parsed === null) return false;
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') return false;
  const link = document.createElement('a');
  link.href = parsed.href;
  link.target = '_blank';
  link.rel = 'noopener noreferrer';
  link.click();
  return true;
}
