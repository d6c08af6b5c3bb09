/** Which exit node is in use, and which one was just asked for. */
import { useMemo } from 'react';
import { useApp } from '../../store/store.ts';
import { holds, type Node } from './model.ts';
import type { Use } from './row.tsx';

export interface Uses {
  /** For a node of the list; `''` as id is "none". */
  readonly of: (node: Node | '') => Use;
  readonly usedId: string;
}

/** The old one keeps its check until the daemon says otherwise; the new one has a ring until then. */
export function useUses(): Uses {
  const usedId = useApp(({ confirmed }) => confirmed.settings?.exitNodeId ?? '');
  const wishedId = useApp(({ wish }) => (wish?.kind === 'exit' ? wish.id : undefined));
  return useMemo(() => {
    const matches = (node: Node | '', id: string): boolean =>
      node === '' || id === '' ? node === '' && id === '' : holds(node, id);
    return {
      usedId,
      of: (node) => {
        if (wishedId !== undefined && wishedId !== usedId && matches(node, wishedId)) return 'wished';
        return matches(node, usedId) ? 'used' : 'none';
      },
    };
  }, [usedId, wishedId]);
}
