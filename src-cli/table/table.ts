/** All commands, in the order of the help. */
import type { Command } from '../commands/spec.ts';
import { bugreport, licenses, update, version, web } from './about.ts';
import { completion } from './completion.ts';
import { connectCommands } from './connect.ts';
import { debug } from './debug.ts';
import { ip, nc, ping, status, wait, whoami, whois } from './look.ts';
import { appcRoutes, dns, exitNode, metrics, netcheck, routecheck } from './network.ts';

export const allCommands = (platform: string): readonly Command[] => [
  ...connectCommands(platform),
  netcheck,
  routecheck,
  ip,
  dns,
  status,
  metrics,
  ping,
  nc,
  version,
  web,
  bugreport,
  licenses,
  exitNode,
  update,
  whois,
  whoami,
  debug,
  appcRoutes,
  wait,
  completion,
];
