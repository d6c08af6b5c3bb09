/** A machine without any firewall program, for tests that are about something else. */
import { RhumbError } from '#shared/errors.ts';
import type { FirewallSystem } from './firewall.ts';
import type { Tool } from './tool.ts';

export const missingTool =
  (program: string): Tool =>
  async () => {
    throw new RhumbError('not-found', `the program ${program} is missing`);
  };

export function bareSystem(files: Map<string, string> = new Map()): FirewallSystem {
  return {
    nft: missingTool('nft'),
    iptables: [],
    legacy: [],
    read: (path) => files.get(path),
    write: (path, text) => {
      files.set(path, text);
      return true;
    },
    exists: (path) => files.has(path),
  };
}
