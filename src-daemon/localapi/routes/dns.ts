/** Routes on names (localapi-and-daemon.md §2.1, §7). */
import type { RouteTable } from '../route.ts';

export const dnsRoutes: RouteTable = {};
