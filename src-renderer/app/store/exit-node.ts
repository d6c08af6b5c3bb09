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

export const isOffering = ({ settings }: Pick<Snapshot, 'settings'>): boolean =>
  settings?.advertiseRoutes.some((route) => DEFAULT_ROUTES.includes(route)) === true;
