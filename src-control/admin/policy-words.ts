/** What explanations say of machines that the policy does not know, because they are not in the network yet or any more. */
import { isAdmitted, type Network } from '../state/network.ts';

/** A sentence where the word is the name of such a machine. */
export function waitingFor(network: Network, word: string): readonly string[] {
  // What follows the last colon may be a port.
  for (const name of [word, word.replace(/:[^:]*$/, '')]) {
    const record = network.nodeByName(name)?.record;
    if (record === undefined || isAdmitted(record)) continue;
    return [
      record.disabledAt === undefined
        ? `${name} waits for an administrator's approval: until then it has no network`
        : `${name} is disabled: nobody reaches it`,
    ];
  }
  return [];
}
