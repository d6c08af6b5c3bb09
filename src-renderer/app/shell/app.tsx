/** The whole app: how the line to the host stands decides what is drawn, then the state, then the address. */
import { CircleAlert, Compass } from 'lucide-react';
import { Suspense } from 'react';
import { I18nProvider } from 'react-aria-components';
import type { UiState } from '#shared/ui-state/derive.ts';
import { EmptyState, Skeleton } from '../../ui/notice.tsx';
import { useLocale } from '../i18n/locale.ts';
import { t } from '../i18n/text.ts';
import { Trouble } from '../screens/trouble/trouble.tsx';
import { useApp, useUi } from '../store/store.ts';
import { Fence } from './fence.tsx';
import { Link } from './link.tsx';
import { usePath } from './route.ts';
import { Screen } from './screen.tsx';
import { restOf, sectionAt } from './sections.ts';
import { Shell } from './shell.tsx';

export function App(): React.JSX.Element {
  const line = useApp(({ line }) => line.kind);
  const locale = useLocale();
  // All words are made anew when the language changes.
  return (
    <I18nProvider key={locale.id} locale={locale.id}>
      {line === 'refused' ? (
        <Refused />
      ) : (
        <Shell>
          <Current />
        </Shell>
      )}
    </I18nProvider>
  );
}

/** States in which there is no daemon that any section could show. */
const WITHOUT_DAEMON: readonly UiState[] = [
  'no-daemon',
  'daemon-stopped',
  'untrusted-daemon',
  'version-mismatch',
  'other-user',
];

function Current(): React.JSX.Element {
  const path = usePath();
  const ui = useUi();
  const section = sectionAt(path);
  if (section === undefined) return <NotFound />;
  if (WITHOUT_DAEMON.includes(ui) && section.isWithoutDaemon !== true)
    return (
      <Fence key={ui}>
        <Trouble ui={ui} />
      </Fence>
    );
  return (
    <Fence key={section.id}>
      <Suspense fallback={<Skeleton />}>{section.render(restOf(path, section))}</Suspense>
    </Fence>
  );
}

function NotFound(): React.JSX.Element {
  return (
    <Screen title={t('notFound.title')}>
      <EmptyState
        icon={Compass}
        title={t('notFound.text')}
        action={<Link to="/">{t('notFound.home')}</Link>}
      />
    </Screen>
  );
}

/** Only in a browser: the link was used up, or the session ended. */
function Refused(): React.JSX.Element {
  return (
    <main className="alone">
      <div className="empty">
        <CircleAlert aria-hidden="true" className="empty-icon" />
        <h1>{t('refused.title')}</h1>
        <p className="empty-text">{t('refused.text')}</p>
        <code className="refused-command">rhumb web</code>
      </div>
    </main>
  );
}
