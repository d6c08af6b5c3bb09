/** Who may import whom: the table of ARCHITECTURE.md as code. The longest matching folder wins; what isn't listed is forbidden. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export interface Rule {
  /** Folders, npm packages, or 'node' for built-ins. A folder may always import itself. */
  readonly may: readonly string[];
}

const PURE = [
  'src-shared/bytes',
  'src-shared/ip',
  'src-shared/key',
  'src-shared/async',
  'src-shared/log',
  'src-shared/wire',
  'src-shared/noise',
  'src-shared/disco',
  'src-shared/derp',
  'src-shared/stun',
  'src-shared/localapi',
  'src-shared',
];
const SHARED = [...PURE, 'src-shared/crypto', 'src-shared/node', 'node'];
const NET = ['src-shared/portmap', 'src-shared/netcheck'];
const LEVEL1 = [...SHARED, 'src-daemon/ffi', 'src-daemon/store', 'src-daemon/metrics', 'src-daemon/health'];

export const rules: Readonly<Record<string, Rule>> = {
  'src-shared': { may: [] },
  'src-shared/bytes': { may: ['src-shared'] },
  'src-shared/ip': { may: ['src-shared', 'src-shared/bytes'] },
  'src-shared/key': { may: ['src-shared', 'src-shared/bytes'] },
  'src-shared/async': { may: ['src-shared'] },
  'src-shared/log': { may: ['src-shared'] },
  'src-shared/wire': { may: ['src-shared', 'src-shared/bytes', 'src-shared/key', 'src-shared/ip', 'zod'] },
  'src-shared/noise': { may: ['src-shared', 'src-shared/bytes', 'src-shared/key', 'src-shared/ip'] },
  'src-shared/disco': { may: ['src-shared', 'src-shared/bytes', 'src-shared/key', 'src-shared/ip'] },
  'src-shared/derp': { may: ['src-shared', 'src-shared/bytes', 'src-shared/key', 'src-shared/ip'] },
  'src-shared/stun': { may: ['src-shared', 'src-shared/bytes', 'src-shared/ip'] },
  'src-shared/localapi': { may: ['src-shared', 'src-shared/wire', 'src-shared/key', 'src-shared/ip', 'zod'] },
  // What the console and its server say to each other; bounded schemas, no code.
  'src-shared/console': { may: ['src-shared', 'zod'] },
  // What every face of the program shows, and what a page may ask of its host.
  'src-shared/ui-state': { may: ['src-shared', 'src-shared/localapi'] },
  'src-shared/bridge': { may: ['src-shared', 'src-shared/async', 'src-shared/ui-state', 'zod'] },
  // One daemon followed, for the desktop program and for the daemon's own web page.
  'src-shared/desk': {
    may: [
      ...PURE,
      'src-shared/node',
      'src-shared/netcheck',
      'src-shared/probing',
      'src-shared/ui-state',
      'src-shared/bridge',
      'node',
      'zod',
    ],
  },
  'src-shared/testing': { may: ['src-shared', 'src-shared/async'] },
  'src-shared/crypto': {
    may: [
      ...PURE,
      'node',
      'tweetnacl',
      '@stablelib/blake2s',
      '@stablelib/chacha20poly1305',
      '@stablelib/xchacha20poly1305',
    ],
  },
  'src-shared/node': { may: [...PURE, 'src-shared/crypto', 'node', 'pino', 'commander'] },
  // Used by the daemon for itself and by `rhumb netcheck` in its own process.
  'src-shared/portmap': { may: [...PURE, 'src-shared/crypto', 'src-shared/node', 'node', 'fast-xml-parser'] },
  'src-shared/netcheck': { may: [...PURE, 'src-shared/crypto', 'src-shared/node', 'node'] },
  // The network as a program that is not the daemon sees it: for `rhumb netcheck` and the desktop program.
  'src-shared/probing': { may: [...SHARED, 'src-shared/portmap', 'src-shared/netcheck', 'dns-packet'] },

  'src-daemon/ffi': { may: [...SHARED, 'koffi'] },
  'src-daemon/store': { may: [...SHARED, 'zod'] },
  'src-daemon/metrics': { may: SHARED },
  'src-daemon/health': { may: SHARED },

  'src-daemon/wireguard': { may: LEVEL1 },
  'src-daemon/disco': { may: LEVEL1 },
  'src-daemon/netmon': { may: LEVEL1 },
  'src-daemon/control': { may: [...LEVEL1, 'zod', 'src-daemon/outside'] },
  // Relays and certificates for tests, also of others that speak TLS.
  'src-daemon/derp/testing': { may: [...LEVEL1, 'src-daemon/derp', 'src-daemon/outside'] },
  'src-daemon/derp': { may: [...LEVEL1, 'src-daemon/outside'] },
  'src-daemon/tun': { may: LEVEL1 },
  // Sockets that stay outside the tunnel, and names for those who need them before there is one.
  'src-daemon/outside': { may: [...LEVEL1, 'zod', 'dns-packet'] },
  'src-daemon/firewall': { may: [...LEVEL1, 'zod', 'src-daemon/outside'] },
  'src-daemon/router': { may: [...LEVEL1, 'zod', 'src-daemon/firewall', 'src-daemon/outside'] },
  // The service manager that started the daemon.
  'src-daemon/service': { may: LEVEL1 },
  // Calls to other services of this machine.
  'src-daemon/dbus': { may: SHARED },
  'src-daemon/dns': { may: [...LEVEL1, 'zod', 'dns-packet', 'src-daemon/dbus', 'src-daemon/outside'] },
  'src-daemon/peerapi': { may: [...LEVEL1, 'dns-packet'] },

  'src-daemon/engine': {
    may: [...LEVEL1, '@stablelib/chacha20poly1305', 'src-daemon/wireguard', 'src-daemon/tun'],
  },
  'src-daemon/magicsock': { may: [...LEVEL1, 'src-daemon/disco', 'src-daemon/netmon'] },
  'src-daemon/underlay': {
    may: [...LEVEL1, ...NET, 'src-daemon/derp', 'src-daemon/netmon', 'src-daemon/outside'],
  },

  'src-daemon/backend': {
    may: [
      ...LEVEL1,
      'zod',
      'src-daemon/control',
      'src-daemon/disco',
      'src-daemon/engine',
      'src-daemon/magicsock',
      'src-daemon/underlay',
      'src-daemon/router',
      'src-daemon/dns',
      'src-daemon/peerapi',
      'src-daemon/netmon',
      'src-daemon/testing',
    ],
  },
  // The page for browsers, with what serves the desktop program's own window.
  'src-daemon/webui': {
    may: [
      ...LEVEL1,
      'zod',
      'ws',
      'src-shared/probing',
      'src-shared/ui-state',
      'src-shared/bridge',
      'src-shared/desk',
    ],
  },
  'src-daemon/localapi': { may: [...LEVEL1, 'zod', 'src-daemon/backend', 'src-daemon/control'] },
  'src-daemon/testing': {
    may: [
      ...LEVEL1,
      'vitest',
      'fast-check',
      'src-daemon/engine',
      'src-daemon/wireguard',
      'src-daemon/tun',
      'src-daemon/disco',
      'src-daemon/magicsock',
    ],
  },
  'src-daemon': {
    may: [
      ...LEVEL1,
      'commander',
      'src-daemon/wireguard',
      'src-daemon/disco',
      'src-daemon/netmon',
      'src-daemon/control',
      'src-daemon/tun',
      'src-daemon/outside',
      'src-daemon/firewall',
      'src-daemon/router',
      'src-daemon/dns',
      'src-daemon/peerapi',
      'src-daemon/engine',
      'src-daemon/magicsock',
      'src-daemon/underlay',
      'src-daemon/derp',
      'src-daemon/backend',
      'src-daemon/localapi',
      'src-daemon/webui',
      'src-shared/probing',
      'src-daemon/service',
    ],
  },

  // The relay is a program of its own and a part of the coordination server: the one door between two programs.
  'src-relay/core': { may: SHARED },
  'src-relay/front': { may: [...SHARED, 'zod', 'ws', 'acme-client', 'src-relay/core'] },
  'src-relay': { may: [...SHARED, 'commander', 'zod', 'src-relay/core', 'src-relay/front'] },

  'src-control/store': { may: [...SHARED, 'kysely', 'zod'] },
  'src-control/state': { may: [...SHARED, 'zod', 'src-control/store'] },
  // What keeps a server running: figures, health, certificates, what stands in front of it.
  'src-control/ops': {
    may: [...SHARED, 'prom-client', 'src-relay/front', 'src-control/store', 'src-control/state'],
  },
  'src-control/audit': { may: [...SHARED, 'zod', 'src-control/store', 'src-control/state'] },
  'src-control/backup': {
    may: [...SHARED, 'kysely', 'zod', 'src-control/store', 'src-control/state', 'src-control/auth'],
  },
  'src-control/webhooks': { may: [...SHARED, 'zod', 'src-control/store', 'src-control/state'] },
  'src-control/policy': {
    may: [...SHARED, 'jsonc-parser', 'zod', 'src-control/store', 'src-control/state'],
  },
  'src-control/auth': { may: [...SHARED, 'bcryptjs', 'src-control/store', 'src-control/state'] },
  'src-control/dns': {
    may: [...SHARED, 'dns-packet', 'zod', 'src-control/store', 'src-control/state'],
  },
  // Elections and probes of subnet routers; the policy says which routes need no administrator.
  'src-control/routes': {
    may: [...SHARED, 'src-control/store', 'src-control/state', 'src-control/policy'],
  },
  'src-control/mapper': {
    may: [...SHARED, 'src-control/store', 'src-control/state', 'src-control/policy'],
  },
  'src-control/oidc': {
    may: [...SHARED, 'openid-client', 'zod', 'src-control/store', 'src-control/state', 'src-control/auth'],
  },
  'src-control/web': { may: [...SHARED, 'hono'] },
  'src-control/ssh-check': { may: [...SHARED, 'src-control/store', 'src-control/state'] },
  'src-control/web-auth': {
    may: [
      ...SHARED,
      'hono',
      'zod',
      '@simplewebauthn/server',
      'src-control/store',
      'src-control/state',
      'src-control/auth',
      'src-control/oidc',
      'src-control/web',
    ],
  },
  'src-control/http': {
    may: [
      ...SHARED,
      'hono',
      'zod',
      'src-control/store',
      'src-control/state',
      'src-control/dns',
      'src-control/auth',
      'src-control/oidc',
      'src-control/mapper',
      'src-control/web',
      'src-control/ssh-check',
      'src-control/web-auth',
    ],
  },
  'src-control/relay': {
    may: [...SHARED, 'yaml', 'zod', 'src-control/store', 'src-control/state', 'src-relay/front'],
  },
  'src-control/admin': {
    may: [
      ...SHARED,
      'diff',
      'src-control/routes',
      'src-control/dns',
      'zod',
      'src-control/store',
      'src-control/ssh-check',
      'src-control/state',
      'src-control/policy',
      'src-control/auth',
      'src-control/oidc',
      'src-control/mapper',
      'src-control/http',
      'src-control/audit',
      'src-control/backup',
      'src-control/webhooks',
    ],
  },
  'src-control/api': {
    may: [
      ...SHARED,
      'hono',
      'jsonc-parser',
      'yaml',
      'zod',
      'src-control/store',
      'src-control/state',
      'src-control/auth',
      'src-control/web-auth',
      'src-control/http',
      'src-control/webhooks',
      'src-control/admin',
    ],
  },
  'src-control/server': {
    may: [
      ...SHARED,
      'src-control/routes',
      'src-control/api',
      'src-control/dns',
      'src-control/admin',
      'yaml',
      'zod',
      'src-relay/front',
      'src-control/ops',
      'src-control/audit',
      'src-control/backup',
      'src-control/webhooks',
      'src-control/relay',
      'src-control/store',
      'src-control/state',
      'src-control/policy',
      'src-control/auth',
      'src-control/oidc',
      'src-control/mapper',
      'src-control/http',
      'src-control/ssh-check',
      'src-control/web-auth',
      'src-control/console',
    ],
  },
  'src-control/cli': {
    may: [
      ...SHARED,
      'commander',
      'yaml',
      'zod',
      'src-control/admin',
      'src-control/store',
      'src-control/state',
      'src-control/policy',
      'src-control/relay',
      'src-control/server',
      'src-control/ops',
      'src-control/backup',
      'src-control/audit',
      'src-control/webhooks',
    ],
  },
  'src-control/testing': {
    may: [
      ...SHARED,
      'src-control/dns',
      'oidc-provider',
      'src-control/admin',
      'src-control/api',
      'src-control/store',
      'src-control/state',
      'src-control/policy',
      'src-control/mapper',
      'src-control/server',
    ],
  },
  'src-control': { may: [...SHARED, 'src-control/cli', 'src-control/server'] },

  // The console's server side hands out files, checks sessions and carries calls out; it knows the calls, not what they do.
  'src-control/console': {
    may: [
      ...SHARED,
      'src-shared/console',
      'hono',
      'src-control/store',
      'src-control/state',
      'src-control/auth',
      'src-control/web',
      'src-control/web-auth',
      'src-control/http',
      'src-control/admin',
    ],
  },

  'src-renderer': { may: ['vite', '@vitejs/plugin-react', 'node'] },
  'src-renderer/ui': {
    may: [
      'react',
      'react-dom',
      'react-aria-components',
      '@tanstack/react-virtual',
      'lucide-react',
      'qrcode',
      'zustand',
      '@codemirror/autocomplete',
      '@codemirror/commands',
      '@codemirror/language',
      '@codemirror/lint',
      '@codemirror/merge',
      '@codemirror/state',
      '@codemirror/view',
      '@lezer/highlight',
    ],
  },
  'src-renderer/console': {
    may: [
      'react',
      'react-dom',
      'react-aria-components',
      'lucide-react',
      'zod',
      'zustand',
      'src-shared',
      'src-shared/console',
      'src-renderer/ui',
    ],
  },
  // The app's page: in the desktop program's window and served by the daemon.
  'src-renderer/app': {
    may: [
      'react',
      'react-dom',
      'react-aria-components',
      '@tanstack/react-virtual',
      'i18next',
      'lucide-react',
      'uplot',
      'zustand',
      'src-shared',
      'src-shared/bridge',
      'src-shared/ip',
      'src-shared/ui-state',
      'src-renderer/ui',
    ],
  },
  'src-renderer/testing': { may: ['react', 'react-dom', 'src-renderer/ui', 'src-renderer/console'] },

  // The desktop program. Only electron.ts and the preload know Electron.
  'src-main': {
    may: [
      ...SHARED,
      ...NET,
      'src-shared/ui-state',
      'src-shared/bridge',
      'src-shared/desk',
      'src-shared/probing',
      'electron',
      'electron-updater',
      'i18next',
      'zod',
    ],
  },

  'src-cli/print': { may: [...SHARED, 'qrcode'] },
  'src-cli/commands': {
    may: [...SHARED, ...NET, 'src-shared/probing', 'zod', 'dns-packet', 'src-cli/print'],
  },
  'src-cli/debug': { may: [...SHARED, ...NET, 'zod', 'src-cli/commands', 'src-cli/print'] },
  'src-cli/complete': { may: [...SHARED, 'src-cli/commands', 'src-cli/print'] },
  // Declares all commands; the code of each is loaded when it is run.
  'src-cli/table': {
    may: [...SHARED, 'src-cli/commands', 'src-cli/complete', 'src-cli/debug', 'src-cli/print'],
  },
  'src-cli/docs': { may: [...SHARED, 'src-cli/commands', 'src-cli/print', 'src-cli/table'] },
  'src-cli': {
    may: [
      ...SHARED,
      'src-shared/probing',
      'dns-packet',
      'src-cli/commands',
      'src-cli/debug',
      'src-cli/docs',
      'src-cli/print',
      'src-cli/table',
    ],
  },
};

/** May be imported by tests anywhere, and by what only tests import. */
const TEST_ONLY = ['vitest', 'fast-check', 'node', 'zod', 'tslocal'];

/** A test, a shared suite, or a helper in a `testing` folder. */
const isForTests = (file: string): boolean => /\.test\.tsx?$|-suite\.ts$|\/testing\//.test(file);

const mayInTests = (owner: string, to: string): boolean =>
  TEST_ONLY.includes(to) ||
  to === 'src-shared/testing' ||
  (to.endsWith('/testing') && to.split('/')[0] === owner.split('/')[0]);

/** Only at the beginning of a line or after a brace, or as a call: prose and test titles say "from" too. */
const IMPORT =
  /(?:^(?:import|export)\b[^'"`;]*?\bfrom|^import|^\}\s*from|\bimport\s*\()\s*['"]([^'"]+)['"]/gm;

export const ownerOf = (path: string): string | undefined =>
  Object.keys(rules)
    .filter((folder) => path === folder || path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0];

function target(file: string, spec: string): string {
  if (spec.startsWith('node:')) return 'node';
  const path = spec.startsWith('#shared/') ? spec.replace('#shared', 'src-shared') : spec;
  if (path.startsWith('.')) {
    const resolved = join(dirname(file), path);
    return ownerOf(resolved) ?? resolved;
  }
  return path.split('/', path.startsWith('@') ? 2 : 1).join('/');
}

/** Every TypeScript file below `root`'s src-* folders, as paths relative to it. */
export function sources(root: string): string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) walk(path);
      else if (/\.tsx?$/.test(name)) found.push(relative(root, path));
    }
  };
  for (const name of readdirSync(root)) if (name.startsWith('src-')) walk(join(root, name));
  return found.sort();
}

/** `file -> target` for each import that the table does not allow. */
export function violations(root: string): string[] {
  const found: string[] = [];
  for (const file of sources(root)) {
    const owner = ownerOf(file);
    if (owner === undefined) {
      found.push(`${file} -> (no rule for its folder)`);
      continue;
    }
    for (const match of readFileSync(join(root, file), 'utf8').matchAll(IMPORT)) {
      const to = target(file, match[1] as string);
      const allowed = to === owner || rules[owner]?.may.includes(to);
      if (!allowed && !(isForTests(file) && mayInTests(owner, to))) found.push(`${file} -> ${to}`);
    }
  }
  return found;
}

/** Folder pairs that may import each other, directly or through others. */
export function cycles(): string[] {
  const found: string[] = [];
  const reach = (from: string, seen: Set<string>): Set<string> => {
    for (const to of rules[from]?.may ?? []) {
      if (rules[to] !== undefined && !seen.has(to)) {
        seen.add(to);
        reach(to, seen);
      }
    }
    return seen;
  };
  for (const folder of Object.keys(rules)) if (reach(folder, new Set()).has(folder)) found.push(folder);
  return found;
}
