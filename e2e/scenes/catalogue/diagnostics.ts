/** Diagnostics: every tab while it works, while it waits, when it fails. */
import { BLOCKED_NETCHECK, LOG } from '../answers.ts';
import { DAEMON, NOW, READ_ONLY, snapshot, warning } from '../builders.ts';
import { DOZEN } from '../networks.ts';
import type { Scene } from '../scene.ts';

const on = snapshot({ devices: DOZEN });
const readOnly = snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] });

const tab = (name: string, more: Partial<Scene> = {}): Scene => ({
  name: `diagnostics-${name}`,
  route: `/diagnostics/${name}`,
  reads: /./,
  snapshot: on,
  ...more,
});

export const DIAGNOSTICS: readonly Scene[] = [
  tab('overview', { reads: 'Checks' }),
  tab('netcheck', { reads: 'Frankfurt' }),
  {
    ...tab('netcheck', { reads: 'Frankfurt', answers: { 'netcheck.run': { gives: BLOCKED_NETCHECK } } }),
    name: 'diagnostics-netcheck-blocked',
  },
  {
    ...tab('netcheck', {
      answers: { 'netcheck.run': { fails: 'timeout', message: 'netcheck.run took longer than 60 s' } },
    }),
    name: 'diagnostics-netcheck-failed',
  },
  {
    ...tab('netcheck', { answers: { 'netcheck.run': { never: true } } }),
    name: 'diagnostics-netcheck-running',
  },
  tab('traffic', { reads: 'In now' }),
  tab('path', { reads: 'adas-phone' }),
  {
    ...tab('path', {
      route: '/diagnostics/path?device=n-office-router',
      reads: /Networks behind it/,
      answers: {
        'path.explain': {
          gives: {
            conclusion: '',
            tried: [{ endpoint: '203.0.113.80:41641', result: 'used', atMs: NOW, latencyMs: 13 }],
            history: [],
          },
        },
      },
    }),
    name: 'diagnostics-path-router',
    isUnpictured: true,
  },
  tab('dns', { reads: 'corp.example.com' }),
  tab('logs', { reads: /the router refused UPnP/ }),
  {
    ...tab('logs', {
      reads: /<script>/,
      answers: {
        'log.tail': {
          gives: [
            ...LOG,
            JSON.stringify({ time: 1, level: 'error', event: 'x', message: '<script>alert(1)</script>' }),
            'not JSON at all',
            '{',
          ],
        },
      },
    }),
    name: 'diagnostics-logs-odd-lines',
    isUnpictured: true,
  },
  tab('report', { reads: 'Make a report' }),
  { ...tab('overview', { snapshot: readOnly }), name: 'diagnostics-read-only' },
  {
    ...tab('overview', {
      snapshot: snapshot({
        devices: DOZEN,
        warnings: [
          warning('network-status', {
            title: 'This computer has no network',
            severity: 'high',
            impactsConnectivity: true,
          }),
          warning('<b>odd</b>', {
            title: '<b>Markup</b>\u202e',
            text: 'javascript:alert(1) '.repeat(40),
            action: '<i>Click</i>',
          }),
        ],
      }),
      reads: /This computer has no network/,
    }),
    name: 'diagnostics-problems',
  },
  {
    ...tab('overview', {
      snapshot: {
        ...on,
        link: { kind: 'absent', why: 'stopped' },
        state: 'NoState',
        devices: {},
        self: undefined,
        settings: undefined,
      },
    }),
    name: 'diagnostics-no-service',
  },
  {
    ...tab('overview', {
      snapshot: snapshot({
        devices: DOZEN,
        daemon: { ...DAEMON, features: ['explain-path', 'logs', 'files', 'ssh'] },
      }),
    }),
    name: 'diagnostics-stock-daemon',
    isUnpictured: true,
  },
  {
    ...tab('overview', { reads: 'Checks', snapshot: snapshot({ state: 'Stopped', devices: DOZEN }) }),
    name: 'diagnostics-off',
    isUnpictured: true,
  },
  {
    ...tab('netcheck', {
      reads: 'Frankfurt',
      steps: async (page) => page.getByRole('button', { name: 'Show as table' }).first().click(),
    }),
    name: 'diagnostics-netcheck-table',
    isUnpictured: true,
  },
  {
    ...tab('traffic', {
      reads: 'Traffic',
      steps: async (page) => {
        await page.getByRole('button', { name: /Past/ }).click();
        await page.getByRole('option', { name: 'Hour' }).click();
      },
    }),
    name: 'diagnostics-traffic-hour',
  },
  {
    ...tab('traffic', {
      reads: 'Traffic',
      steps: async (page) => page.getByRole('button', { name: 'Show as table' }).click(),
    }),
    name: 'diagnostics-traffic-table',
    isUnpictured: true,
  },
  {
    ...tab('traffic', {
      reads: /took too long|failed/,
      answers: { 'traffic.watch': { fails: 'timeout', message: 'traffic.watch took longer than 10 s' } },
    }),
    name: 'diagnostics-traffic-failed',
    isUnpictured: true,
  },
  {
    ...tab('path', {
      reads: 'adas-phone',
      steps: async (page) => page.getByRole('button', { name: 'Show as table' }).first().click(),
    }),
    name: 'diagnostics-path-table',
    isUnpictured: true,
  },
  {
    ...tab('path', { reads: /./, snapshot: snapshot() }),
    name: 'diagnostics-path-alone',
    isUnpictured: true,
  },
  {
    ...tab('dns', {
      reads: 'NOERROR',
      steps: async (page) => {
        await page.getByLabel('Name', { exact: true }).fill('atlas');
        await page.getByRole('button', { name: 'Ask' }).click();
        await page.getByText('NOERROR').scrollIntoViewIfNeeded();
      },
    }),
    name: 'diagnostics-dns-answer',
  },
  {
    ...tab('dns', {
      reads: /DNS could not be looked at|took too long/,
      answers: { 'dns.status': { fails: 'timeout', message: 'dns.status took longer than 10 s' } },
    }),
    name: 'diagnostics-dns-failed',
    isUnpictured: true,
  },
  {
    ...tab('logs', {
      reads: /Nothing|No /,
      steps: async (page) => page.getByRole('searchbox').fill('zzz'),
    }),
    name: 'diagnostics-logs-no-match',
    isUnpictured: true,
  },
  {
    ...tab('logs', {
      reads: /took too long|failed/,
      answers: { 'log.tail': { fails: 'timeout', message: 'log.tail took longer than 10 s' } },
    }),
    name: 'diagnostics-logs-failed',
    isUnpictured: true,
  },
  {
    ...tab('report', {
      reads: 'versions.json',
      steps: async (page) => {
        await page.getByRole('button', { name: 'Make a report' }).click();
        await page.getByRole('button', { name: 'Preview' }).first().click();
      },
    }),
    name: 'diagnostics-report-made',
  },
  {
    ...tab('report', {
      reads: /took too long/,
      answers: { 'report.build': { fails: 'timeout', message: 'report.build took longer than 60 s' } },
      steps: async (page) => page.getByRole('button', { name: 'Make a report' }).click(),
    }),
    name: 'diagnostics-report-failed',
    isUnpictured: true,
  },
  {
    ...tab('report', { snapshot: readOnly, reads: /permission/ }),
    name: 'diagnostics-report-read-only',
    isUnpictured: true,
  },
];
