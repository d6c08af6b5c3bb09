/** Sections that show the network and this device: devices, diagnostics, settings. */
import { Activity, Laptop, Network, Settings } from 'lucide-react';
import { lazy } from 'react';
import { t } from '../i18n/text.ts';
import { cut } from '../lib/foreign.tsx';
import { go } from '../shell/route.ts';
import type { Command, Section } from '../shell/section.ts';
import type { AppState } from '../store/store.ts';
import { DevicesScreen } from './devices/devices.tsx';
import { labelOf } from './settings/label.ts';
import { rowsFor } from './settings/rows.ts';

const RoutesScreen = lazy(async () => ({ default: (await import('./routes/routes.tsx')).RoutesScreen }));
const SettingsScreen = lazy(async () => ({
  default: (await import('./settings/settings.tsx')).SettingsScreen,
}));
const DiagnosticsScreen = lazy(async () => ({
  default: (await import('./diagnostics/diagnostics.tsx')).DiagnosticsScreen,
}));

function settingCommands({ host, snapshot: { daemon, settings } }: AppState): readonly Command[] {
  const rows = rowsFor({
    can: host.can,
    features: daemon.features,
    platform: daemon.platform,
    hasDaemon: settings !== undefined,
  });
  return rows.map((row) => ({
    id: `setting ${row.id}`,
    text: labelOf(row),
    note: t(`settings.group.${row.group}`),
    icon: Settings,
    run: () => go(`/settings/${row.group}/${row.id}`),
  }));
}

const deviceCommands = ({ snapshot: { devices } }: AppState): readonly Command[] =>
  Object.values(devices).map(({ id, name, dnsName, addresses }) => ({
    id: `device ${id}`,
    text: cut(name, 80),
    note: t('devices.page'),
    words: [dnsName, ...addresses].join(' '),
    icon: Laptop,
    run: () => go(`/devices/${encodeURIComponent(id)}`),
  }));

export const LOOK: readonly Section[] = [
  {
    id: 'devices',
    path: '/devices',
    title: () => t('devices.title'),
    icon: Laptop,
    place: 2,
    render: (rest) => <DevicesScreen open={rest} />,
    commands: deviceCommands,
  },
  {
    id: 'diagnostics',
    path: '/diagnostics',
    title: () => t('diagnostics.title'),
    icon: Activity,
    place: 4,
    isWithoutDaemon: true,
    render: (rest) => <DiagnosticsScreen open={rest} />,
  },
  {
    id: 'settings',
    path: '/settings',
    title: () => t('settings.title'),
    icon: Settings,
    place: 5,
    isWithoutDaemon: true,
    render: (rest) => <SettingsScreen open={rest} />,
    commands: settingCommands,
  },
  {
    id: 'routes',
    path: '/settings/routes',
    title: () => t('routes.title'),
    icon: Network,
    render: () => <RoutesScreen />,
  },
];
