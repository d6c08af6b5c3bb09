/** The machines that serve apps in the network as it is, and who may ask them for names (coordination-server.md §24.3). */
import { askersOf } from '../compile/app-dns.ts';
import { appsServedBy } from '../compile/apps.ts';
import { contains, stringsOf } from '../sets/ranges.ts';
import type { Core } from './core.ts';

export interface AppServer {
  readonly id: number;
  /** Of all its apps, each once, in the policy's order: `example.com`, `*.example.org`. */
  readonly domains: readonly string[];
  /** Another text when others may ask it. */
  readonly askers: string;
}

export const appServers = (core: Core): readonly AppServer[] =>
  core.resolver.machines
    .filter(({ isConnector }) => isConnector)
    .map((machine) => {
      const apps = appsServedBy(core.resolver, machine);
      const domains = new Set(apps.flatMap((app) => app.domains.map(({ text }) => text)));
      const askers = stringsOf(askersOf(core.filterOf(machine.id))).join();
      return { id: machine.id, domains: [...domains], askers };
    });

/** Clients answer other machines of their own person, and IPv4 addresses that their filter lets through to the internet's DNS. */
export function mayAsk(core: Core, viewer: number, connector: number): boolean {
  const [one, other] = [core.machine(viewer), core.machine(connector)];
  if (one === undefined || other?.isConnector !== true) return false;
  if (one.userId !== undefined && one.userId === other.userId) return true;
  const askers = askersOf(core.filterOf(connector));
  return one.addrs.some((addr) => typeof addr === 'number' && contains(askers, addr));
}
