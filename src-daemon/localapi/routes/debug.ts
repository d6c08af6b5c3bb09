/** Routes that look into the running daemon and shake it (localapi-and-daemon.md §2.1). */
import type { RouteTable } from '../route.ts';

export const debugRoutes: RouteTable = {};
