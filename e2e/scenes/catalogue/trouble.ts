/** Trouble with the service, where the state alone does not say what is shown: each system, each way it may go. */
import { NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import { DAEMON } from '../builders.ts';
import type { Scene } from '../scene.ts';

const absent = (why: 'not-installed' | 'stopped'): Snapshot => ({
  ...NO_SNAPSHOT,
  link: { kind: 'absent', why },
});

export const TROUBLE: readonly Scene[] = [
  {
    name: 'no-service-macos',
    platform: 'darwin',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
  },
  {
    name: 'no-service-windows',
    platform: 'win32',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
  },
  {
    name: 'installing-failed',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
    answers: {
      'service.install': {
        fails: 'internal',
        message: 'install-service ended with exit code 3: no space left on device',
      },
    },
    steps: async (page) => {
      await page
        .getByRole('button', { name: /Install/ })
        .first()
        .click();
      await page.getByText(/no space left/).waitFor();
    },
  },
  {
    name: 'installing-cancelled',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
    answers: { 'service.install': { fails: 'cancelled', message: 'the password dialog was closed' } },
    steps: async (page) => {
      await page
        .getByRole('button', { name: /Install/ })
        .first()
        .click();
      await page
        .getByText(/Nothing was changed|No change was made/)
        .first()
        .waitFor();
    },
  },
  {
    name: 'installing',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
    answers: { 'service.install': { never: true } },
    steps: async (page) =>
      page
        .getByRole('button', { name: /Install/ })
        .first()
        .click(),
  },
  {
    name: 'starting-service',
    route: '/',
    reads: /service isn’t running/,
    snapshot: absent('stopped'),
    answers: { 'service.start': { never: true } },
    steps: async (page) => page.getByRole('button', { name: /Start/ }).first().click(),
    isUnpictured: true,
  },
  {
    name: 'starting-service-failed',
    route: '/',
    reads: /start request repeated too quickly/,
    snapshot: absent('stopped'),
    answers: {
      'service.start': { fails: 'internal', message: 'rhumbd.service: start request repeated too quickly' },
    },
    steps: async (page) => page.getByRole('button', { name: /Start/ }).first().click(),
  },
  {
    name: 'service-stopped-macos',
    platform: 'darwin',
    route: '/',
    reads: /service isn’t running/,
    snapshot: absent('stopped'),
    isUnpictured: true,
  },
  {
    name: 'service-stopped-windows',
    platform: 'win32',
    route: '/',
    reads: /service isn’t running/,
    snapshot: absent('stopped'),
    isUnpictured: true,
  },
  ...(['linux', 'darwin', 'win32'] as const).flatMap((platform): readonly Scene[] => [
    {
      name: `no-service-by-hand-${platform}`,
      platform,
      can: [],
      route: '/',
      reads: /service isn’t installed/,
      snapshot: absent('not-installed'),
      isUnpictured: true,
    },
    {
      name: `service-stopped-by-hand-${platform}`,
      platform,
      can: [],
      route: '/',
      reads: /service isn’t running/,
      snapshot: absent('stopped'),
      isUnpictured: true,
    },
  ]),
  {
    name: 'service-lost',
    route: '/',
    reads: /service isn’t running/,
    snapshot: { ...NO_SNAPSHOT, link: { kind: 'lost', sinceMs: 0 } },
    isUnpictured: true,
  },
  {
    name: 'untrusted-hostile',
    route: '/',
    reads: /Can’t use the Rhumb service/,
    snapshot: {
      ...NO_SNAPSHOT,
      link: { kind: 'refused', reason: `<b>owner</b>\u202e ${'/very/long/path'.repeat(60)}` },
    },
    isUnpictured: true,
  },
  {
    name: 'older-service',
    route: '/',
    reads: /different versions/,
    snapshot: { ...NO_SNAPSHOT, link: { kind: 'mismatch', daemonVersion: '0.0.3' }, daemon: DAEMON },
    isUnpictured: true,
  },
];
