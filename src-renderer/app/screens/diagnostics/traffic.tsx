/** What flows now and flowed in the past hour, of all devices or of one; loaded only when somebody looks. */
import { Pause, Play } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { TrafficSeries } from '#shared/bridge/contract.ts';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { Problem } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { useIsShown } from '../../../ui/shown.ts';
import { compareNames, formatClock, formatPercent, formatRate } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { TableTwin } from '../../lib/table-twin.tsx';
import { ask, failureText } from '../../store/act.ts';
import { useApp, useSnapshot } from '../../store/store.ts';
import { TabTools, tableText } from './tab-tools.tsx';
import { TopTalkers } from './talkers.tsx';
import { appended, emptySeries, figuresOf, tableOf } from './traffic-model.ts';
import { TrafficPlot } from './traffic-plot.tsx';

const SPANS = ['60', '300', '3600'] as const;
type Span = (typeof SPANS)[number];
const ALL = 'all';

interface Watched {
  readonly series: TrafficSeries;
  readonly problem: string | undefined;
}

/** Follows while it is shown; paused, it keeps what it has and shows it as it was. */
function useTraffic(device: string, seconds: number, isPaused: boolean): Watched {
  const bridge = useApp((state) => state.bridge);
  const [series, setSeries] = useState<TrafficSeries>(emptySeries);
  const [problem, setProblem] = useState<string>();
  const isShown = useIsShown();
  const paused = useRef(isPaused);
  useEffect(() => {
    paused.current = isPaused;
  }, [isPaused]);
  useEffect(() => {
    if (bridge === undefined || !isShown) return;
    let kept = emptySeries();
    let isGone = false;
    const take = (more: TrafficSeries): void => {
      if (isGone) return;
      kept = appended(kept, more, seconds);
      if (!paused.current) setSeries(kept);
    };
    const off = bridge.on('traffic', take);
    setProblem(undefined);
    ask('traffic.watch', { seconds, ...(device !== ALL && { device }) }).then(
      (past) => {
        kept = emptySeries();
        take(past);
      },
      (error: unknown) => {
        if (!isGone) setProblem(failureText(error));
      },
    );
    return () => {
      isGone = true;
      off();
      // The next watch takes its place, and a page that is gone is forgotten anyway.
      void ask('traffic.unwatch', undefined).catch(() => undefined);
    };
  }, [bridge, device, seconds, isShown]);
  return { series, problem };
}

export function Traffic(): React.JSX.Element {
  const [span, setSpan] = useState<Span>('60');
  const [device, setDevice] = useState<string>(ALL);
  const [isPaused, setPaused] = useState(false);
  const { series, problem } = useTraffic(device, Number(span), isPaused);
  const devices = useSnapshot((snapshot) => snapshot.devices);
  const options = useMemo(
    () => [
      { id: ALL, text: t('traffic.all') },
      ...Object.values(devices)
        .filter(({ isOnline, id }) => isOnline || id === device)
        .sort((a, b) => compareNames(a.name, b.name))
        .slice(0, 500)
        .map(({ id, name }) => ({ id, text: cut(name, 60) })),
    ],
    [devices, device],
  );
  const figures = figuresOf(series);
  const summary = t('traffic.summary', {
    in: formatRate(figures.nowIn),
    out: formatRate(figures.nowOut),
    peak: formatRate(Math.max(figures.peakIn, figures.peakOut)),
  });
  const columns = [t('traffic.time'), t('traffic.in'), t('traffic.out')];
  const rows = tableOf(series, 60).map(([ms, into, out]) => [
    formatClock(ms),
    formatRate(into),
    formatRate(out),
  ]);
  return (
    <div className="diagnostics-tab">
      <Card
        title={t('traffic.title')}
        actions={
          <>
            <Select label={t('traffic.of')} isBare value={device} onChange={setDevice} options={options} />
            <Select
              label={t('traffic.span')}
              isBare
              value={span}
              onChange={setSpan}
              options={SPANS.map((id) => ({ id, text: t(`traffic.span.${id}`) }))}
            />
            <Button icon={isPaused ? Play : Pause} onPress={() => setPaused(!isPaused)}>
              {isPaused ? t('traffic.resume') : t('traffic.pause')}
            </Button>
            <TabTools textOf={() => tableText(summary, columns, rows)} />
          </>
        }
      >
        {problem === undefined ? null : <Problem text={problem} />}
        <TableTwin
          summary={summary}
          chart={<TrafficPlot series={series} summary={summary} />}
          columns={columns}
          rows={rows}
        />
        <dl className="sums">
          <Sum name={t('traffic.nowIn')} value={formatRate(figures.nowIn)} />
          <Sum name={t('traffic.nowOut')} value={formatRate(figures.nowOut)} />
          <Sum name={t('traffic.peakIn')} value={formatRate(figures.peakIn)} />
          <Sum name={t('traffic.peakOut')} value={formatRate(figures.peakOut)} />
          <Sum name={t('traffic.meanIn')} value={formatRate(figures.meanIn)} />
          <Sum name={t('traffic.meanOut')} value={formatRate(figures.meanOut)} />
          <Sum
            name={t('traffic.relayed')}
            value={figures.relayedPart === undefined ? '—' : formatPercent(figures.relayedPart)}
          />
        </dl>
      </Card>
      <TopTalkers isPaused={isPaused} />
    </div>
  );
}

const Sum = ({ name, value }: { readonly name: string; readonly value: string }): React.JSX.Element => (
  <div>
    <dt>{name}</dt>
    <dd className="numbers">{value}</dd>
  </div>
);
