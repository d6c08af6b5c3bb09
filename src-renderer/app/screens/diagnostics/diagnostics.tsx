/** What works and what does not, tab by tab: each asks only when it is looked at. */
import { lazy, Suspense } from 'react';
import { Notice, Skeleton } from '../../../ui/notice.tsx';
import { Tabs } from '../../../ui/tabs.tsx';
import { t } from '../../i18n/text.ts';
import { go } from '../../shell/route.ts';
import { Screen } from '../../shell/screen.tsx';
import { useSnapshot } from '../../store/store.ts';
import { Dns } from './dns.tsx';
import { Logs } from './logs.tsx';
import { Netcheck } from './netcheck.tsx';
import { Overview } from './overview.tsx';
import { Paths } from './paths.tsx';
import { Report } from './report.tsx';
import './diagnostics.css';

const Traffic = lazy(async () => ({ default: (await import('./traffic.tsx')).Traffic }));

const TABS = ['overview', 'netcheck', 'traffic', 'path', 'dns', 'logs', 'report'] as const;
type TabId = (typeof TABS)[number];

/** `open`: the tab. */
export function DiagnosticsScreen({ open }: { readonly open: string }): React.JSX.Element {
  const hasDaemon = useSnapshot(({ link }) => link.kind === 'ready');
  const features = useSnapshot(({ daemon }) => daemon.features);
  const shown = TABS.filter((tab) => tab === 'overview' || (hasDaemon && isThere(tab, features)));
  const tab = shown.find((one) => one === open) ?? 'overview';
  return (
    <Screen title={t('diagnostics.title')}>
      {hasDaemon ? null : <Notice tone="warn">{t('diagnostics.noDaemon')}</Notice>}
      <Tabs
        label={t('diagnostics.title')}
        value={tab}
        onChange={(id) => go(id === 'overview' ? '/diagnostics' : `/diagnostics/${id}`)}
        items={shown.map((id) => ({
          id,
          title: t(`diagnostics.tab.${id}`),
          content: id === tab ? <Suspense fallback={<Skeleton rows={4} />}>{contentOf(id)}</Suspense> : null,
        }))}
      />
    </Screen>
  );
}

function isThere(tab: TabId, features: readonly string[]): boolean {
  if (tab === 'traffic') return features.includes('traffic-history');
  return tab !== 'logs' || features.includes('logs');
}

function contentOf(tab: TabId): React.JSX.Element {
  switch (tab) {
    case 'overview':
      return <Overview />;
    case 'netcheck':
      return <Netcheck />;
    case 'traffic':
      return <Traffic />;
    case 'path':
      return <Paths />;
    case 'dns':
      return <Dns />;
    case 'logs':
      return <Logs />;
    case 'report':
      return <Report />;
    default:
      return tab satisfies never;
  }
}
