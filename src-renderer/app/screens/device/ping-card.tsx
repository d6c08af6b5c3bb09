/** Pings one device once a second for a minute, drawn as they come; leaving the page stops it. */
import { Play, Square } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { Device } from '#shared/ui-state/types.ts';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { Problem } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { formatMs, formatPercent } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { type PingKind, type PingSample, ping } from '../../lib/ping.ts';
import { statsOf } from '../../lib/ping-stats.ts';
import { failureText } from '../../store/act.ts';
import { useApp } from '../../store/store.ts';
import { PingChart } from './ping-chart.tsx';

const COUNT = 60;
const KINDS = ['disco', 'icmp', 'tsmp'] as const satisfies readonly PingKind[];

export function PingCard({ device }: { readonly device: Device }): React.JSX.Element {
  const bridge = useApp((state) => state.bridge);
  const [kind, setKind] = useState<(typeof KINDS)[number]>('disco');
  const [samples, setSamples] = useState<readonly PingSample[]>([]);
  const [problem, setProblem] = useState<string>();
  const [isRunning, setRunning] = useState(false);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const start = async (): Promise<void> => {
    if (bridge === undefined || isRunning) return;
    const leave = new AbortController();
    stop.current = leave;
    setRunning(true);
    setSamples([]);
    setProblem(undefined);
    try {
      const take = (sample: PingSample): void => setSamples((before) => [...before, sample].slice(-COUNT));
      await ping(bridge, { id: device.id, kind, count: COUNT }, take, leave.signal);
    } catch (error) {
      setProblem(failureText(error));
    } finally {
      setRunning(false);
    }
  };
  const toggle = (): void => {
    if (isRunning) stop.current?.abort();
    else void start();
  };
  const last = samples.at(-1);
  return (
    <Card
      title={t('ping.title')}
      actions={
        <>
          <Select
            label={t('ping.kind')}
            isBare
            value={kind}
            isDisabled={isRunning}
            onChange={setKind}
            options={KINDS.map((id) => ({ id, text: t(`ping.kind.${id}`), note: t(`ping.about.${id}`) }))}
          />
          <Button id="ping-start" icon={isRunning ? Square : Play} onPress={toggle}>
            {isRunning ? t('ping.stop') : t('ping.start')}
          </Button>
        </>
      }
    >
      {problem === undefined ? null : <Problem text={problem} />}
      {samples.length === 0 ? (
        <p className="soft">{isRunning ? t('ping.waiting') : t('ping.hint')}</p>
      ) : (
        <>
          <PingChart samples={samples} />
          <Sums samples={samples} />
          {last?.error === undefined || last.error === '' ? null : (
            <p className="soft">{cut(last.error, 200)}</p>
          )}
        </>
      )}
    </Card>
  );
}

function Sums({ samples }: { readonly samples: readonly PingSample[] }): React.JSX.Element {
  const { sent, lost, minMs, medianMs, maxMs } = statsOf(
    samples.map(({ latencyMs, via }) => ({ latencyMs, via })),
  );
  const time = (ms: number | undefined): string => (ms === undefined ? '—' : formatMs(ms));
  const sums: readonly (readonly [string, string])[] = [
    [t('ping.min'), time(minMs)],
    [t('ping.median'), time(medianMs)],
    [t('ping.max'), time(maxMs)],
    [t('ping.lost'), formatPercent(sent === 0 ? 0 : lost / sent)],
  ];
  return (
    <dl className="sums">
      {sums.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="numbers">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
