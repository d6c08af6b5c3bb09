/** Every call that needs no desktop around it, for all who serve a page. */
import type { CallName, ShellCall } from '../../bridge/contract.ts';
import type { Handlers } from '../../bridge/dispatch.ts';
import { dnsCalls } from './dns.ts';
import { guiCalls } from './gui.ts';
import { hostCalls } from './host.ts';
import { logCalls } from './log.ts';
import { loginCalls } from './login.ts';
import { measurement, netcheckCalls } from './netcheck.ts';
import type { CallParts } from './parts.ts';
import { pathCalls } from './path.ts';
import { pingCalls } from './ping.ts';
import { reportCalls } from './report.ts';
import { routesCalls } from './routes.ts';
import { settingsCalls } from './settings.ts';
import { stateCalls } from './state.ts';
import { trafficCalls } from './traffic.ts';

/** Where a host does one of them in a way of its own, it writes it behind these. */
export function deskCalls(parts: CallParts): Handlers<Exclude<CallName, ShellCall>> {
  const measure = measurement(parts);
  return {
    ...stateCalls(parts),
    ...settingsCalls(parts),
    ...loginCalls(parts),
    ...pingCalls(parts),
    ...trafficCalls(parts),
    ...routesCalls(parts),
    ...pathCalls(parts),
    ...netcheckCalls(measure),
    ...dnsCalls(parts),
    ...logCalls(parts),
    ...reportCalls(parts, measure),
    ...guiCalls(parts),
    ...hostCalls(parts),
  };
}
