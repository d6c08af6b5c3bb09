/** All routes of the local API; each domain has its own table in `routes/` (localapi-and-daemon.md §2.1). */
import type { RouteTable } from './route.ts';
import { debugRoutes } from './routes/debug.ts';
import { diagnosticsRoutes } from './routes/diagnostics.ts';
import { dnsRoutes } from './routes/dns.ts';
import { absentRoutes } from './routes/files-absent.ts';
import { networkRoutes } from './routes/network.ts';
import { nodeRoutes } from './routes/nodes.ts';
import { noteRoutes } from './routes/notes.ts';
import { ownRoutes } from './routes/own.ts';
import { prefsRoutes } from './routes/prefs.ts';
import { profileRoutes } from './routes/profiles.ts';
import { serverRoutes } from './routes/server.ts';
import { stateRoutes } from './routes/state.ts';

export const routes: RouteTable = {
  ...stateRoutes,
  ...prefsRoutes,
  ...profileRoutes,
  ...nodeRoutes,
  ...networkRoutes,
  ...dnsRoutes,
  ...serverRoutes,
  ...noteRoutes,
  ...absentRoutes,
  ...diagnosticsRoutes,
  ...debugRoutes,
  ...ownRoutes,
};
