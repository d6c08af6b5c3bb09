/** Trouble with the service, where the state alone does not say what is shown: each system, each way it may go. */
import { NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import { DAEMON } from '../builders.ts';
import type { Scene } from '../scene.ts';
import { emitting } from '../scripted-bridge.ts';

const absent = (why: 'not-installed' | 'stopped'): Snapshot => ({
  ...NO_SNAPSHOT,
  link: { kind: 'absent', why },
});

const INSTALLING = [
  'systemctl enable --now rhumbd.service',
  'Created symlink /etc/systemd/system/multi-user.target.wants/rhumbd.service.',
];

/** As the journal has them; the last is somebody's who would like to be more than text. */
const WROTE = [
  '2026-11-23T09:59:58+00:00 systemd[1]: Started Rhumb network daemon.',
  '2026-11-23T10:00:01+00:00 rhumbd[811]: {"level":"error","event":"tun.failed","error":"no such device: /dev/net/tun"}',
  '2026-11-23T10:00:01+00:00 systemd[1]: rhumbd.service: Main process exited, code=exited, status=1/FAILURE',
  '2026-11-23T10:00:02+00:00 rhumbd[811]: <b>\u202egnol</b>',
];

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
    name: 'installing-lines',
    route: '/',
    reads: /systemctl enable --now/,
    snapshot: absent('not-installed'),
    answers: { 'service.install': { never: true } },
    steps: async (page) => {
      await page
        .getByRole('button', { name: /Install/ })
        .first()
        .click();
      for (const line of INSTALLING)
        await page.evaluate(emitting({ name: 'operation', value: { call: 'service.install', line } }));
      await page.getByText(/Created symlink/).waitFor();
    },
  },
  {
    name: 'service-stopped-disabled',
    route: '/',
    reads: /Start automatically with the computer/,
    snapshot: absent('stopped'),
    answers: { 'service.status': { gives: { isAtBoot: false, lines: WROTE, isAppReplaced: false } } },
    steps: async (page) => page.getByText('What the service wrote last').click(),
  },
  {
    name: 'service-stopped-unreadable',
    route: '/',
    reads: /An administrator sees it with/,
    snapshot: absent('stopped'),
    steps: async (page) => page.getByText('What the service wrote last').click(),
    isUnpictured: true,
  },
  {
    name: 'newer-app-on-disk',
    route: '/',
    reads: /Restart the app/,
    snapshot: { ...NO_SNAPSHOT, link: { kind: 'mismatch', daemonVersion: '3.0.1' }, daemon: DAEMON },
    answers: { 'service.status': { gives: { isAtBoot: true, lines: [], isAppReplaced: true } } },
    isUnpictured: true,
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
