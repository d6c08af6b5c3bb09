/** The whole console: the state of the session decides what is drawn, then the address does. */
import { Component, type ErrorInfo, type ReactNode, Suspense } from 'react';
import { ErrorState, Skeleton } from '../../ui/notice.tsx';
import { Page } from '../../ui/page.tsx';
import { t } from '../../ui/text.ts';
import { sentence } from './act.ts';
import { Link } from './link.tsx';
import { useRoute } from './route.ts';
import { homeOf, sectionAt } from './sections.tsx';
import { start, useSession, useSessionState } from './session.ts';
import { Shell } from './shell.tsx';

export function App(): React.JSX.Element {
  const state = useSessionState(({ state }) => state);
  switch (state.kind) {
    case 'signed-in':
      return (
        <Shell>
          <Screen />
        </Shell>
      );
    case 'failed':
      return (
        <main>
          <ErrorState
            title={t('Can’t open the console')}
            problem={sentence(state.problem)}
            onRetry={() => void start()}
          />
        </main>
      );
    case 'loading':
    case 'signed-out':
      return (
        <main className="page">
          <Skeleton rows={8} />
        </main>
      );
    default:
      return state satisfies never;
  }
}

function Screen(): React.JSX.Element {
  const { path } = useRoute();
  const session = useSession();
  const section = path === '/' ? homeOf(session) : sectionAt(path);
  if (section === undefined || !section.isFor(session)) return <NotFound />;
  const rest = path === '/' ? '' : path.slice(section.path.length).replace(/^\//, '');
  return (
    <Fence key={section.id}>
      <Suspense fallback={<Skeleton />}>{section.render(decodeURIComponent(rest))}</Suspense>
    </Fence>
  );
}

function NotFound(): React.JSX.Element {
  return (
    <Page title={t('No such page')}>
      <p>{t('There is nothing at this address, or it is not for your role.')}</p>
      <p>
        <Link to="/">{t('To the beginning')}</Link>
      </p>
    </Page>
  );
}

/** A fault in one screen leaves the rest usable. */
class Fence extends Component<{ readonly children: ReactNode }, { readonly isBroken: boolean }> {
  override state = { isBroken: false };
  static getDerivedStateFromError(): { isBroken: boolean } {
    return { isBroken: true };
  }
  override componentDidCatch(error: Error, info: ErrorInfo): void {
    reportError(new Error(`${error.message}\n${info.componentStack ?? ''}`, { cause: error }));
  }
  override render(): ReactNode {
    if (!this.state.isBroken) return this.props.children;
    return (
      <ErrorState
        title={t('This page has a fault')}
        problem={t('Try it again; if the fault stays, the browser’s console says more.')}
        onRetry={() => this.setState({ isBroken: false })}
      />
    );
  }
}
