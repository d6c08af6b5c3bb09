/** Sections about the connection itself: Home, the exit node, accounts. */
import { House, Shield, ShieldPlus, UsersRound } from 'lucide-react';
import { t } from '../i18n/text.ts';
import type { Section } from '../shell/section.ts';
import { AccountsScreen } from './accounts/accounts.tsx';
import { ExitNodeScreen } from './exit/exit-node.tsx';
import { OfferScreen } from './exit/offer.tsx';
import { HomeScreen } from './home/home.tsx';

export const CONNECT: readonly Section[] = [
  {
    id: 'home',
    path: '/',
    title: () => t('home.title'),
    icon: House,
    place: 1,
    render: () => <HomeScreen />,
  },
  {
    id: 'exit-node',
    path: '/exit-node',
    title: () => t('exit.title'),
    icon: Shield,
    place: 3,
    render: () => <ExitNodeScreen />,
  },
  {
    id: 'offer',
    path: '/offer-exit-node',
    title: () => t('offer.title'),
    icon: ShieldPlus,
    render: () => <OfferScreen />,
  },
  {
    id: 'accounts',
    path: '/accounts',
    title: () => t('accounts.title'),
    icon: UsersRound,
    render: () => <AccountsScreen />,
  },
];
