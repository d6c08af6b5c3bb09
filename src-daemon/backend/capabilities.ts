/** Node capabilities: names that the server gives a machine, some with an argument in the name (control-protocol.md §6.5). */
import type { Node } from '#shared/wire/node.ts';

/** Present with or without values. */
export const hasCapability = ({ CapMap }: Node, name: string): boolean =>
  CapMap !== undefined && Object.hasOwn(CapMap, name);

/** Which of these arguments the capability `name?v=…` has; the first one given wins. */
export const capabilityChoice = <T extends string>(
  node: Node,
  name: string,
  choices: readonly T[],
): T | undefined => choices.find((choice) => hasCapability(node, `${name}?v=${choice}`));
