/** Everything one can go to: for whom, under which address, drawn by which screen. */
import {
  FileKey2,
  Globe,
  KeyRound,
  Laptop,
  type LucideIcon,
  MonitorSmartphone,
  Network,
  RadioTower,
  Route as RouteIcon,
  ScrollText,
  Settings,
  Users,
} from 'lucide-react';
import { lazy, type ReactNode } from 'react';
import type { CallName } from '#shared/console/calls.ts';
import type { Session } from '#shared/console/live.ts';
import { t } from '../../ui/text.ts';
import { AuditScreen } from '../screens/audit/audit.tsx';
import { DnsScreen } from '../screens/dns/dns.tsx';
import { KeysScreen } from '../screens/keys/keys.tsx';
import { MachinesScreen } from '../screens/machines/machines.tsx';
import { OwnDevicesScreen } from '../screens/own/own.tsx';
import { RelaysScreen } from '../screens/relays/relays.tsx';
import { RoutesScreen } from '../screens/routes/routes.tsx';
import { SettingsScreen } from '../screens/settings/settings.tsx';
import { UsersScreen } from '../screens/users/users.tsx';

// With the editor they weigh as much as all the rest.
const PolicyScreen = lazy(async () => ({
  default: (await import('../screens/policy/policy.tsx')).PolicyScreen,
}));
const MapScreen = lazy(async () => ({ default: (await import('../screens/map/map.tsx')).MapScreen }));

export interface Section {
  readonly id: string;
  readonly path: string;
  readonly title: string;
  readonly icon: LucideIcon;
  readonly isFor: (session: Session) => boolean;
  /** `rest` is what follows the section's own path. */
  readonly render: (rest: string) => ReactNode;
}

interface Group {
  readonly title: string;
  readonly sections: readonly Section[];
}

const may =
  (...calls: readonly CallName[]) =>
  (session: Session): boolean =>
    calls.some((call) => session.calls.includes(call));
/** Who sees all machines finds their own among them. */
const ownOnly = (session: Session): boolean => !may('nodes.list')(session);

function allGroups(): readonly Group[] {
  return [
    {
      title: t('Network'),
      sections: [
        {
          id: 'machines',
          path: '/machines',
          title: t('Machines'),
          icon: MonitorSmartphone,
          isFor: may('nodes.list'),
          render: (rest) => <MachinesScreen open={rest} />,
        },
        {
          id: 'own',
          path: '/own',
          title: t('My machines'),
          icon: Laptop,
          isFor: ownOnly,
          render: () => <OwnDevicesScreen />,
        },
        {
          id: 'routes',
          path: '/routes',
          title: t('Routes'),
          icon: RouteIcon,
          isFor: may('routes.list'),
          render: () => <RoutesScreen />,
        },
        {
          id: 'dns',
          path: '/dns',
          title: t('DNS'),
          icon: Globe,
          isFor: may('dns.get'),
          render: () => <DnsScreen />,
        },
        {
          id: 'relays',
          path: '/relays',
          title: t('Relays'),
          icon: RadioTower,
          isFor: may('derp.map'),
          render: () => <RelaysScreen />,
        },
      ],
    },
    {
      title: t('Access'),
      sections: [
        {
          id: 'policy',
          path: '/policy',
          title: t('Policy'),
          icon: FileKey2,
          isFor: may('policy.get'),
          render: (rest) => <PolicyScreen tab={rest} />,
        },
        {
          id: 'map',
          path: '/map',
          title: t('Access map'),
          icon: Network,
          isFor: may('policy.reach'),
          render: () => <MapScreen />,
        },
        {
          id: 'users',
          path: '/users',
          title: t('Users'),
          icon: Users,
          isFor: may('users.list'),
          render: () => <UsersScreen />,
        },
        {
          id: 'keys',
          path: '/keys',
          title: t('Keys'),
          icon: KeyRound,
          isFor: may('preauthkeys.list'),
          render: (rest) => <KeysScreen tab={rest} />,
        },
      ],
    },
    {
      title: t('Server'),
      sections: [
        {
          id: 'audit',
          path: '/audit',
          title: t('Audit log'),
          icon: ScrollText,
          isFor: may('audit.list'),
          render: () => <AuditScreen />,
        },
        {
          id: 'settings',
          path: '/settings',
          title: t('Settings'),
          icon: Settings,
          isFor: may('settings.get'),
          render: () => <SettingsScreen />,
        },
      ],
    },
  ];
}

export const groupsFor = (session: Session): readonly Group[] =>
  allGroups()
    .map(({ title, sections }) => ({ title, sections: sections.filter(({ isFor }) => isFor(session)) }))
    .filter(({ sections }) => sections.length > 0);

export const sectionsFor = (session: Session): readonly Section[] =>
  groupsFor(session).flatMap(({ sections }) => sections);

export const homeOf = (session: Session): Section | undefined => sectionsFor(session)[0];

export const sectionAt = (path: string): Section | undefined =>
  allGroups()
    .flatMap(({ sections }) => sections)
    .find((section) => path === section.path || path.startsWith(`${section.path}/`));
