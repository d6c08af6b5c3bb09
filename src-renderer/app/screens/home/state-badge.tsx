/** The state of the connection as a shape with a colour; the words are beside it. */
import {
  Check,
  Circle,
  Hourglass,
  KeyRound,
  LoaderCircle,
  type LucideIcon,
  OctagonAlert,
  ShieldCheck,
  TriangleAlert,
  UserRound,
} from 'lucide-react';
import type { UiState } from '#shared/ui-state/derive.ts';
import './state-badge.css';

type Tone = 'good' | 'accent' | 'warn' | 'bad' | 'quiet';

const LOOKS: Readonly<Record<UiState, readonly [LucideIcon, Tone]>> = {
  loading: [LoaderCircle, 'quiet'],
  'no-daemon': [TriangleAlert, 'warn'],
  'daemon-stopped': [TriangleAlert, 'warn'],
  'untrusted-daemon': [OctagonAlert, 'bad'],
  'version-mismatch': [TriangleAlert, 'warn'],
  reconnecting: [LoaderCircle, 'quiet'],
  'other-user': [UserRound, 'quiet'],
  expired: [KeyRound, 'bad'],
  'waiting-browser': [LoaderCircle, 'accent'],
  'signed-out': [Circle, 'quiet'],
  'waiting-approval': [Hourglass, 'warn'],
  off: [Circle, 'quiet'],
  connecting: [LoaderCircle, 'accent'],
  'exit-broken': [OctagonAlert, 'bad'],
  degraded: [TriangleAlert, 'warn'],
  'on-exit': [ShieldCheck, 'accent'],
  on: [Check, 'good'],
};

export function StateBadge({ ui }: { readonly ui: UiState }): React.JSX.Element {
  const [Icon, tone] = LOOKS[ui];
  const isTurning = Icon === LoaderCircle;
  return (
    <span className={`state-badge state-${tone}${isTurning ? ' state-turning' : ''}`} aria-hidden="true">
      <Icon />
    </span>
  );
}
