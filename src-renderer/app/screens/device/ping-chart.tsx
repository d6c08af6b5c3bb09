/** Up to sixty answers as bars, losses as marks at the foot, a line where packets took another way; or the same as a table. */

import { formatMs } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import type { PingSample } from '../../lib/ping.ts';
import { type Answer, niceTop, pathChanges, statsOf } from '../../lib/ping-stats.ts';
import { TableTwin } from '../../lib/table-twin.tsx';

const WIDTH = 600;
const HEIGHT = 120;
const SLOTS = 60;
const SLOT = WIDTH / SLOTS;

export function PingChart({ samples }: { readonly samples: readonly PingSample[] }): React.JSX.Element {
  const answers = samples.map(({ latencyMs, via }) => ({ latencyMs, via }));
  const { minMs, medianMs, maxMs, lost } = statsOf(answers);
  const top = niceTop(maxMs ?? 1);
  const summary =
    medianMs === undefined
      ? t('ping.summaryNone', { count: samples.length })
      : t('ping.summary', {
          count: samples.length,
          min: formatMs(minMs ?? 0),
          median: formatMs(medianMs),
          max: formatMs(maxMs ?? 0),
          lost,
        });
  return (
    <TableTwin
      summary={summary}
      chart={
        <div className="ping-chart">
          <span className="ping-axis numbers" aria-hidden="true">
            {formatMs(top)}
          </span>
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={summary}>
            <line x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} className="chart-base" />
            {barsOf(answers, top).map(({ id, height }) => (
              <rect
                key={id}
                x={id * SLOT + 1.5}
                y={HEIGHT - (height ?? LOST)}
                width={SLOT - 3}
                height={height ?? LOST}
                className={height === undefined ? 'chart-lost' : 'chart-bar'}
              />
            ))}
            {pathChanges(answers).map(({ at }) => (
              <line key={at} x1={at * SLOT} x2={at * SLOT} y1="0" y2={HEIGHT} className="chart-change" />
            ))}
          </svg>
        </div>
      }
      columns={[t('ping.number'), t('device.latency'), t('ping.via')]}
      rows={samples.map(({ latencyMs, via }, n) => [
        String(n + 1),
        latencyMs === undefined ? t('ping.noAnswer') : formatMs(latencyMs),
        cut(via, 64),
      ])}
    />
  );
}

const LOST = 8;

/** `height` is undefined for what was lost. */
const barsOf = (
  answers: readonly Answer[],
  top: number,
): readonly { readonly id: number; readonly height: number | undefined }[] =>
  answers.map(({ latencyMs }, id) => ({
    id,
    height: latencyMs === undefined ? undefined : Math.max(2, Math.min(1, latencyMs / top) * (HEIGHT - 4)),
  }));
