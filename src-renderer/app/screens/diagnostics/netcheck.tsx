/** How the network around this device is: relays by distance, and what it lets through. */

import type { NetcheckReport } from '#shared/bridge/contract.ts';
import { Problem, Skeleton } from '../../../ui/notice.tsx';
import { Card, Fact, Facts } from '../../../ui/page.tsx';
import { Moment } from '../../../ui/time.tsx';
import { formatMs } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { lastRun, useRuns } from '../../lib/netcheck-runs.ts';
import { TableTwin } from '../../lib/table-twin.tsx';
import { barsOf, histories, type RegionBar, topOf } from './netcheck-model.ts';
import { RunButton, useNetcheck } from './run.tsx';
import { TabTools, tableText } from './tab-tools.tsx';

export function Netcheck(): React.JSX.Element {
  const runs = useRuns();
  const report = lastRun(runs);
  const run = useNetcheck();
  return (
    <div className="diagnostics-tab">
      <Card
        title={t('netcheck.relays')}
        about={
          report === undefined ? (
            t('netcheck.about')
          ) : (
            <>
              {t('netcheck.asOf')} <Moment atMs={report.atMs} />
            </>
          )
        }
        actions={
          <>
            <RunButton run={run} />
            <TabTools textOf={report === undefined ? undefined : () => reportText(report)} />
          </>
        }
      >
        {run.problem === undefined ? null : <Problem text={run.problem} />}
        {report === undefined ? run.isBusy ? <Skeleton rows={6} /> : null : <Regions report={report} />}
      </Card>
      {report === undefined ? null : <NetFacts report={report} />}
      {runs.length > 1 ? <Past runs={runs} /> : null}
    </div>
  );
}

const REGION_COLUMNS = (): readonly string[] => [t('netcheck.region'), 'IPv4', 'IPv6', t('netcheck.home')];

const regionRows = (report: NetcheckReport): readonly (readonly string[])[] =>
  barsOf(report).map(({ name, v4Ms, v6Ms, isPreferred }) => [
    cut(name, 60),
    timeText(v4Ms),
    timeText(v6Ms),
    isPreferred ? t('netcheck.yes') : '',
  ]);

const reportText = (report: NetcheckReport): string =>
  [
    ...factsOf(report).map(([name, value]) => `${name}: ${value}`),
    '',
    tableText(t('netcheck.relays'), REGION_COLUMNS(), regionRows(report)),
  ].join('\n');

function Regions({ report }: { readonly report: NetcheckReport }): React.JSX.Element {
  const bars = barsOf(report);
  const top = topOf(bars);
  const nearest = bars[0];
  if (nearest === undefined) return <p className="soft">{t('netcheck.noRelays')}</p>;
  const time = nearest.v4Ms ?? nearest.v6Ms;
  const summary =
    time === undefined
      ? t('netcheck.summaryNone', { count: bars.length })
      : t('netcheck.summary', { count: bars.length, name: nearest.name, time: formatMs(time) });
  return (
    <TableTwin
      summary={summary}
      chart={
        <div className="regions" role="img" aria-label={summary}>
          {bars.map((bar) => (
            <Region key={bar.id} bar={bar} top={top} />
          ))}
        </div>
      }
      columns={REGION_COLUMNS()}
      rows={regionRows(report)}
    />
  );
}

const timeText = (ms: number | undefined): string =>
  ms === undefined ? t('netcheck.noAnswer') : formatMs(ms);

function Region({ bar, top }: { readonly bar: RegionBar; readonly top: number }): React.JSX.Element {
  const isSilent = bar.v4Ms === undefined && bar.v6Ms === undefined;
  return (
    <div className="region">
      <span className={`region-name${bar.isPreferred ? ' region-home' : ''}`}>
        <bdi>{cut(bar.name, 40)}</bdi>
        {bar.isPreferred ? <span className="region-mark">{t('netcheck.home')}</span> : null}
      </span>
      <span className="region-bars">
        {isSilent ? (
          <span className="region-line">
            <span className="region-bar region-hollow" />
            <span className="region-time">{t('netcheck.noAnswer')}</span>
          </span>
        ) : null}
        <Bar ms={bar.v4Ms} top={top} kind="v4" />
        <Bar ms={bar.v6Ms} top={top} kind="v6" />
      </span>
    </div>
  );
}

function Bar({
  ms,
  top,
  kind,
}: {
  readonly ms: number | undefined;
  readonly top: number;
  readonly kind: 'v4' | 'v6';
}): React.JSX.Element | null {
  if (ms === undefined) return null;
  return (
    <span className="region-line">
      <span
        className={`region-bar region-${kind}`}
        style={{ inlineSize: `${Math.max(1, (ms / top) * 100)}%` }}
      />
      <span className="region-time numbers">
        {formatMs(ms)} <span className="soft">{kind === 'v4' ? 'IPv4' : 'IPv6'}</span>
      </span>
    </span>
  );
}

const yesNo = (value: boolean | null): string =>
  value === null ? t('netcheck.unknown') : value ? t('netcheck.yes') : t('netcheck.no');

const MAPPERS = ['UPnP', 'NAT-PMP', 'PCP'] as const;

const factsOf = (report: NetcheckReport): readonly (readonly [string, string])[] => [
  ['UDP', yesNo(report.udp)],
  [t('netcheck.ipv4'), cut(report.ipv4, 64) || t('netcheck.none')],
  [t('netcheck.ipv6'), cut(report.ipv6, 64) || t('netcheck.none')],
  [t('netcheck.varies'), yesNo(report.mappingVaries)],
  ...MAPPERS.map((name): readonly [string, string] => [name, yesNo(report.portMapping.includes(name))]),
  [t('netcheck.captive'), yesNo(report.captivePortal)],
];

const NetFacts = ({ report }: { readonly report: NetcheckReport }): React.JSX.Element => (
  <Card title={t('netcheck.facts')}>
    <Facts>
      {factsOf(report).map(([name, value]) => (
        <Fact key={name} name={name}>
          <bdi>{value}</bdi>
        </Fact>
      ))}
    </Facts>
  </Card>
);

const WIDTH = 120;
const HEIGHT = 28;

function Past({ runs }: { readonly runs: readonly NetcheckReport[] }): React.JSX.Element {
  const regions = histories(runs).slice(0, 12);
  const top = Math.max(1, ...regions.flatMap(({ times }) => times.map((time) => time ?? 0)));
  const step = WIDTH / Math.max(1, runs.length - 1);
  return (
    <Card title={t('netcheck.past')} about={t('netcheck.pastAbout', { count: runs.length })}>
      <TableTwin
        summary={t('netcheck.pastAbout', { count: runs.length })}
        chart={
          <div className="pasts">
            {regions.map(({ id, name, times }) => (
              <figure key={id} className="past">
                <figcaption>
                  <bdi>{cut(name, 30)}</bdi> <span className="soft numbers">{timeText(times.at(-1))}</span>
                </figcaption>
                <svg viewBox={`-2 -2 ${WIDTH + 4} ${HEIGHT + 4}`} aria-hidden="true">
                  {times.map((time, n) =>
                    time === undefined ? null : (
                      <circle
                        key={`${id} ${runs[n]?.atMs}`}
                        cx={n * step}
                        cy={HEIGHT - (time / top) * HEIGHT}
                        r="1.8"
                        className="past-dot"
                      />
                    ),
                  )}
                </svg>
              </figure>
            ))}
          </div>
        }
        columns={[t('netcheck.region'), ...runs.map((_, n) => String(n + 1))]}
        rows={regions.map(({ name, times }) => [cut(name, 40), ...times.map(timeText)])}
      />
    </Card>
  );
}
