/** Home: how things are at one glance, what to do about it, and the way to everything else. */
import type { UiState } from '#shared/ui-state/derive.ts';
import { Skeleton } from '../../../ui/notice.tsx';
import { useSnapshot, useUi } from '../../store/store.ts';
import { Approval } from '../signin/approval.tsx';
import { Expired } from '../signin/expired.tsx';
import { SignInPanel } from '../signin/sign-in.tsx';
import { WaitingBrowser } from '../signin/waiting.tsx';
import { AlertList } from './alert-list.tsx';
import { ExitCard } from './exit-card.tsx';
import { Favourites } from './favourites.tsx';
import { FirstRun } from './first-run.tsx';
import { Glance } from './glance.tsx';
import { Hero, SelfFacts } from './hero.tsx';
import { TrafficCard } from './traffic.tsx';
import './home.css';

export function HomeScreen(): React.JSX.Element {
  const ui = useUi();
  const hasNetwork = useSnapshot(({ self }) => self !== undefined);
  return (
    <div className="page home">
      <Hero>{contentOf(ui)}</Hero>
      {ui === 'loading' ? null : <FirstRun />}
      {ui === 'loading' ? <Skeleton rows={4} /> : <AlertList />}
      {hasNetwork && isInNetwork(ui) ? (
        <div className={`home-cards${ui === 'off' || ui === 'reconnecting' ? ' home-dim' : ''}`}>
          <ExitCard />
          <Glance />
          <TrafficCard />
          <Favourites />
        </div>
      ) : null}
    </div>
  );
}

const OUTSIDE: readonly UiState[] = [
  'loading',
  'signed-out',
  'waiting-browser',
  'expired',
  'waiting-approval',
];
const isInNetwork = (ui: UiState): boolean => !OUTSIDE.includes(ui);

function contentOf(ui: UiState): React.JSX.Element | null {
  switch (ui) {
    case 'signed-out':
      return <SignInPanel />;
    case 'waiting-browser':
      return <WaitingBrowser />;
    case 'expired':
      return <Expired />;
    case 'waiting-approval':
      return <Approval />;
    case 'loading':
      return null;
    default:
      return <SelfFacts />;
  }
}
