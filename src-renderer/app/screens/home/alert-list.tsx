/** What needs attention: the key that is about to end, health warnings, a newer version; two at once, the rest on request. */
import { type ReactNode, useState } from 'react';
import type { Warning } from '#shared/ui-state/types.ts';
import { Button } from '../../../ui/button.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { Moment } from '../../../ui/time.tsx';
import { formatSpan } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { Foreign } from '../../lib/foreign.tsx';
import { warningWords } from '../../lib/warnings.ts';
import { go } from '../../shell/route.ts';
import { act, editGui, openPage } from '../../store/act.ts';
import { signInAgain } from '../../store/sign-in.ts';
import { useApp, useCan, useMayManage, useSnapshot, useUi } from '../../store/store.ts';
import { RenewalNotice, useRenewal } from '../signin/renewal.tsx';
import { RestartApp } from '../trouble/restart-app.tsx';
import { versionGap, visibleWarnings, withDismissed } from './alerts.ts';
import { expiryNotice, laterMs } from './expiry.ts';

const AT_FIRST = 2;

interface Alert {
  readonly id: string;
  readonly content: ReactNode;
}

export function AlertList(): React.JSX.Element | null {
  const [isOpen, setOpen] = useState(false);
  const dismissed = useApp(({ gui }) => gui.dismissed);
  const warnings = useSnapshot(({ warnings }) => warnings);
  const newVersion = useSnapshot(({ newVersion }) => newVersion);
  const expiry = useExpiry();
  const gap = useVersionGap();
  const isRenewing = useRenewal();
  const alerts: readonly Alert[] = [
    ...(isRenewing ? [{ id: 'renewal', content: <RenewalNotice /> }] : []),
    ...(expiry === undefined || isRenewing ? [] : [{ id: 'key', content: expiry }]),
    ...visibleWarnings(warnings, dismissed).map((warning) => ({
      id: `w-${warning.code}`,
      content: <WarningNotice warning={warning} onDismiss={() => dismiss(warning.code, warning.etag)} />,
    })),
    ...(newVersion?.isUrgent === true
      ? [{ id: 'update', content: <UpdateNotice version={newVersion.version} /> }]
      : []),
    ...(gap === undefined ? [] : [{ id: 'versions', content: gap }]),
  ];
  if (alerts.length === 0) return null;
  const hidden = alerts.length - AT_FIRST;
  return (
    <section className="alerts" aria-label={t('home.alerts')}>
      <ul className="stack">
        {(isOpen ? alerts : alerts.slice(0, AT_FIRST)).map(({ id, content }) => (
          <li key={id}>{content}</li>
        ))}
      </ul>
      {hidden > 0 ? (
        <Button kind="quiet" size="small" aria-expanded={isOpen} onPress={() => setOpen(!isOpen)}>
          {isOpen ? t('home.alerts.less') : t('home.alerts.more', { count: hidden })}
        </Button>
      ) : null}
    </section>
  );
}

const dismiss = (code: string, etag: string): void =>
  void editGui({ dismissed: withDismissed(useApp.getState().gui.dismissed, code, etag) });

const toneOf = ({ severity, impactsConnectivity }: Warning): 'bad' | 'warn' | 'accent' =>
  severity === 'high' ? 'bad' : severity === 'medium' || impactsConnectivity ? 'warn' : 'accent';

function WarningNotice({
  warning,
  onDismiss,
}: {
  readonly warning: Warning;
  readonly onDismiss: () => void;
}): React.JSX.Element {
  const { code, action, severity, brokenSinceMs } = warning;
  const words = warningWords(warning);
  return (
    <Notice
      tone={toneOf(warning)}
      action={
        <span className="alert-actions">
          {action === undefined ? (
            <Button size="small" onPress={() => go(words.path)}>
              {words.action}
            </Button>
          ) : (
            <Button size="small" onPress={() => void openPage('warning', code)}>
              <Foreign text={action} max={40} />
            </Button>
          )}
          {severity === 'low' ? (
            <Button kind="quiet" size="small" onPress={onDismiss}>
              {t('home.alerts.dismiss')}
            </Button>
          ) : null}
        </span>
      }
    >
      <p className="alert-title">
        <bdi>{words.title}</bdi>
        {brokenSinceMs === undefined ? null : (
          <span className="alert-since">
            {' '}
            <Moment atMs={brokenSinceMs} />
          </span>
        )}
      </p>
      {words.text === '' ? null : (
        <p>
          <bdi>{words.text}</bdi>
        </p>
      )}
    </Notice>
  );
}

const UpdateNotice = ({ version }: { readonly version: string }): React.JSX.Element => (
  <Notice
    tone="warn"
    action={
      <Button size="small" onPress={() => go('/settings/updates')}>
        {t('home.update.open')}
      </Button>
    }
  >
    {t('home.update.urgent', { version })}
  </Notice>
);

/** Of our own service alone, next to a window: they come in one package, and one of them runs on after an update. */
function useVersionGap(): ReactNode | undefined {
  const app = useApp(({ host }) => (host.kind === 'electron' ? host.version : ''));
  const service = useSnapshot(({ daemon, link }) =>
    link.kind === 'ready' && daemon.features.includes('traffic-history') ? daemon.version : '',
  );
  const both = `${app} ${service}`;
  const isKnown = useApp(({ gui }) => gui.dismissed[VERSIONS] === both);
  const canRestart = useCan('service');
  const gap = versionGap(app, service);
  if (gap === undefined || isKnown) return undefined;
  return (
    <Notice
      action={
        <span className="alert-actions">
          {gap === 'older-service' && canRestart ? (
            <Button size="small" onPress={() => void act('service.restart', undefined)}>
              {t('trouble.version-mismatch.restart')}
            </Button>
          ) : null}
          {gap === 'older-app' && canRestart ? <RestartApp isSmall /> : null}
          <Button kind="quiet" size="small" onPress={() => dismiss(VERSIONS, both)}>
            {t('home.alerts.dismiss')}
          </Button>
        </span>
      }
    >
      {t(`home.versions.${gap}`, { app, service })}
    </Notice>
  );
}

/** Among the codes of warnings, of which none has a space. */
const VERSIONS = 'app and service';

function useExpiry(): ReactNode | undefined {
  const quietUntilMs = useApp(({ gui }) => gui.quietKeyUntilMs);
  const nowMs = useApp(({ nowMs }) => nowMs);
  const expiryMs = useSnapshot(({ self }) => self?.keyExpiryMs);
  // A device that was renewed is older than its key: where nobody knows the key's age, it is a bound.
  const createdMs = useSnapshot(({ self }) => self?.keyCreatedMs ?? self?.createdMs);
  const mayManage = useMayManage();
  // The whole screen says it then; our clock of half minutes may be late to see that the time is over.
  const isOver = useUi() === 'expired';
  if (expiryMs === undefined || nowMs < quietUntilMs || isOver) return undefined;
  const notice = expiryNotice({
    lifetimeMs: createdMs === undefined ? undefined : expiryMs - createdMs,
    remainingMs: expiryMs - nowMs,
  });
  if (notice === undefined) return undefined;
  return (
    <Notice
      tone={notice.kind === 'hour' ? 'bad' : 'warn'}
      action={
        mayManage ? (
          <span className="alert-actions">
            <Button size="small" kind="strong" onPress={() => void signInAgain()}>
              {t('expiry.signIn')}
            </Button>
            <Button
              size="small"
              kind="quiet"
              onPress={() => void editGui({ quietKeyUntilMs: nowMs + laterMs(notice) })}
            >
              {t('expiry.later')}
            </Button>
          </span>
        ) : undefined
      }
    >
      {t(`expiry.${notice.kind}`, { time: formatSpan(notice.remainingMs) })}
    </Notice>
  );
}
