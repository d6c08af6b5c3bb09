/** What went through the network in the last minute, as a small picture with its sentence; only where the daemon counts. */
import { useEffect, useState } from 'react';
import type { TrafficSeries } from '#shared/bridge/contract.ts';
import { Card } from '../../../ui/page.tsx';
import { useIsShown } from '../../../ui/shown.ts';
import { formatRate } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { useApp, useSnapshot, useUi } from '../../store/store.ts';
import { added, type Minute, minuteOf, pathOf } from './sparkline.ts';

const SECONDS = 60;

export function TrafficCard(): React.JSX.Element | null {
  const isCounted = useSnapshot(({ daemon }) => daemon.features.includes('traffic-history'));
  const ui = useUi();
  const minute = useMinute(isCounted && ui !== 'off' && ui !== 'reconnecting');
  if (minute === undefined) return null;
  const [nowIn = 0] = minute.in.slice(-1);
  const [nowOut = 0] = minute.out.slice(-1);
  const top = Math.max(1_000, ...minute.in, ...minute.out);
  return (
    <Card title={t('home.traffic.title')}>
      <svg
        className="spark"
        viewBox="0 0 240 48"
        preserveAspectRatio="none"
        role="img"
        aria-label={t('home.traffic.summary', { in: formatRate(nowIn), out: formatRate(nowOut) })}
      >
        <path className="spark-area" d={pathOf(minute.in, top, true)} />
        <path className="spark-in" d={pathOf(minute.in, top, false)} />
        <path className="spark-out" d={pathOf(minute.out, top, false)} />
      </svg>
      <dl className="spark-facts numbers">
        <div>
          <dt>
            <span className="spark-key spark-key-in" aria-hidden="true" />
            {t('home.traffic.in')}
          </dt>
          <dd>{formatRate(nowIn)}</dd>
        </div>
        <div>
          <dt>
            <span className="spark-key spark-key-out" aria-hidden="true" />
            {t('home.traffic.out')}
          </dt>
          <dd>{formatRate(nowOut)}</dd>
        </div>
      </dl>
    </Card>
  );
}

/** Asked for only while it is looked at; behind other windows it stays as it was. */
function useMinute(isWanted: boolean): Minute | undefined {
  const bridge = useApp(({ bridge }) => bridge);
  const isShown = useIsShown();
  const [minute, setMinute] = useState<Minute>();
  useEffect(() => {
    if (bridge === undefined || !isWanted) {
      setMinute(undefined);
      return;
    }
    if (!isShown) return;
    let isHere = true;
    const stop = bridge.on('traffic', (more: TrafficSeries) =>
      setMinute((known) => (known === undefined ? undefined : added(known, minuteOf(more), SECONDS))),
    );
    bridge
      .call('traffic.watch', { seconds: SECONDS })
      .then((past) => {
        if (isHere) setMinute(minuteOf(past));
      })
      .catch(() => undefined); // a daemon that does not count after all: there is no card
    return () => {
      isHere = false;
      stop();
      void bridge.call('traffic.unwatch', undefined).catch(() => undefined);
    };
  }, [bridge, isWanted, isShown]);
  return minute;
}
