/** A machine's state in a word, with its dot. */
import type { Node } from '#shared/console/shapes.ts';
import { Status } from '../../../ui/badge.tsx';
import { useNow } from '../../../ui/time.tsx';
import { stateOf } from './facts.ts';

export function MachineStatus({ node }: { readonly node: Node }): React.JSX.Element {
  const state = stateOf(node, useNow());
  return <Status tone={state.tone}>{state.text}</Status>;
}
