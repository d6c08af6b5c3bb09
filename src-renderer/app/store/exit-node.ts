/** The way to the internet: choosing it, shown at once; and whether this device is one for others. */
import type { Snapshot } from '#shared/ui-state/types.ts';
import { editGui, wishFor } from './act.ts';
import { useApp } from './store.ts';

const RECENT = 8;
const DEFAULT_ROUTES: readonly string[] = ['0.0.0.0/0', '::/0'];

/** `''` = straight to the internet. */
export function chooseExitNode(id: string): void {
  void (async () => {
    const isDone = await wishFor({ kind: 'exit', id }, 'exitNode.set', { id });
    if (!isDone || id === '') return;
    const { recentExitNodes } = useApp.getState().gui;
    if (recentExitNodes[0] === id) return;
    await editGui({ recentExitNodes: [id, ...recentExitNodes.filter((one) => one !== id)].slice(0, RECENT) });
  })();
}

/** The service's own choice from now on; or to stay with what it chose last. */
export function pickAutomatically(on: boolean): void {
  const { settings } = useApp.getState().confirmed;
  const current = settings?.exitNodeId ?? '';
  const isResolved = current !== '' && !current.startsWith('auto:');
  if (!on && isResolved) chooseExitNode(current);
  else void wishFor({ kind: 'auto', on }, 'exitNode.set', { auto: on });
}

export const isOffering = ({ settings }: Pick<Snapshot, 'settings'>): boolean =>
  settings?.advertiseRoutes.some((route) => DEFAULT_ROUTES.includes(route)) === true;
