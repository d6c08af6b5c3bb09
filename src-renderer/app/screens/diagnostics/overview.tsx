/** The list of checks, failures first, and the problems that the daemon itself reports. */
import { CircleCheck, CircleHelp, CircleX, TriangleAlert } from 'lucide-react';
import type { Warning } from '#shared/ui-state/types.ts';
import { Card } from '../../../ui/page.tsx';
import { Moment, useNow } from '../../../ui/time.tsx';
import { t } from '../../i18n/text.ts';
import { lastRun, useRuns } from '../../lib/netcheck-runs.ts';
import { warningWords } from '../../lib/warnings.ts';
import { Link } from '../../shell/link.tsx';
import { useApp, useSnapshot } from '../../store/store.ts';
import { type Check, checksOf, type Level } from './checks.ts';
import { RunButton, useNetcheck } from './run.tsx';
import { TabTools } from './tab-tools.tsx';

const ICONS = { pass: CircleCheck, warn: TriangleAlert, fail: CircleX, unknown: CircleHelp } as const;

export function Overview(): React.JSX.Element {
  const snapshot = useSnapshot((state) => state);
  const appVersion = useApp(({ host }) => host.version);
  const netcheck = useRuns(lastRun);
  const nowMs = useNow();
  const run = useNetcheck();
  const checks = checksOf({ snapshot, netcheck, appVersion, nowMs });
  const failures = checks.filter(({ level }) => level === 'fail').length;
  return (
    <div className="diagnostics-tab">
      <Card
        title={t('diagnostics.checks')}
        about={failures === 0 ? t('diagnostics.checksGood') : t('diagnostics.checksSum', { count: failures })}
        actions={
          <>
            {snapshot.link.kind === 'ready' ? <RunButton run={run} /> : null}
            <TabTools textOf={() => checks.map(lineOf).join('\n')} />
          </>
        }
      >
        <ul className="checks">
          {checks.map((check) => (
            <CheckRow key={check.id} check={check} />
          ))}
        </ul>
      </Card>
      {snapshot.warnings.length === 0 ? null : (
        <Card title={t('diagnostics.warnings')}>
          <ul className="checks">
            {snapshot.warnings.map((warning) => (
              <WarningRow key={warning.code} warning={warning} />
            ))}
          </ul>
        </Card>
      )}
    </div>
  );
}

const lineOf = ({ id, level, text, values }: Check): string =>
  `[${level}] ${t(`check.${id}`)}: ${t(text, values)}`;

function LevelIcon({ level }: { readonly level: Level }): React.JSX.Element {
  const Icon = ICONS[level];
  return (
    <>
      <Icon aria-hidden="true" className={`check-icon check-${level}`} />
      <span className="visually-hidden">{t(`diagnostics.level.${level}`)}: </span>
    </>
  );
}

function CheckRow({ check: { id, level, text, values } }: { readonly check: Check }): React.JSX.Element {
  return (
    <li className="check">
      <LevelIcon level={level} />
      <span className="check-name">{t(`check.${id}`)}</span>
      <span className="check-text">{t(text, values)}</span>
    </li>
  );
}

function WarningRow({ warning }: { readonly warning: Warning }): React.JSX.Element {
  const { title, text, path, action } = warningWords(warning);
  return (
    <li className="check">
      <LevelIcon level={warning.severity === 'high' || warning.impactsConnectivity ? 'fail' : 'warn'} />
      <span className="check-name">
        <bdi>{title}</bdi>
      </span>
      <span className="check-text">
        <bdi>{text}</bdi>
        {warning.brokenSinceMs === undefined ? null : (
          <span className="soft">
            {' '}
            <Moment atMs={warning.brokenSinceMs} />
          </span>
        )}
        {path === '/diagnostics' ? null : (
          <>
            {' '}
            <Link to={path}>{action}</Link>
          </>
        )}
      </span>
    </li>
  );
}
