/** All devices around this one, by how packets get to them, as a picture and as a table; and the way to one of them. */

import { Network } from 'lucide-react';
import { useMemo } from 'react';
import type { Device } from '#shared/ui-state/types.ts';
import { Select } from '../../../ui/choice.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Card, Fact, Facts } from '../../../ui/page.tsx';
import { PathLine } from '../../../ui/path-line.tsx';
import { compareNames, formatMs } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { isLocationServer, pathWords } from '../../lib/devices.ts';
import { cut } from '../../lib/foreign.tsx';
import { lastRun, useRuns } from '../../lib/netcheck-runs.ts';
import { chainOf } from '../../lib/path-chain.ts';
import { PathExplained } from '../../lib/path-explain.tsx';
import { TableTwin } from '../../lib/table-twin.tsx';
import { Link } from '../../shell/link.tsx';
import { setQuery, useRoute } from '../../shell/route.ts';
import { useSnapshot } from '../../store/store.ts';
import { type Placed, placed } from './circle.ts';
import { TabTools, tableText } from './tab-tools.tsx';

/** More would only be a ring of ink; the table has them all. */
const MOST_DRAWN = 48;

export function Paths(): React.JSX.Element {
  const devices = useSnapshot((snapshot) => snapshot.devices);
  const selfName = useSnapshot(({ self }) => self?.name ?? '');
  const there = useMemo(
    () =>
      Object.values(devices)
        .filter((one) => one.isOnline && !isLocationServer(one))
        .sort((a, b) => rank(a) - rank(b) || compareNames(a.name, b.name)),
    [devices],
  );
  const count = (kind: Device['path']['kind']): number =>
    there.filter(({ path }) => path.kind === kind).length;
  const summary = t('paths.summary', {
    count: there.length,
    direct: count('direct'),
    relayed: count('relay') + count('peer-relay'),
    idle: count('idle'),
  });
  if (there.length === 0)
    return (
      <EmptyState icon={Network} title={t('paths.none')}>
        {t('paths.noneText')}
      </EmptyState>
    );
  const columns = [t('devices.column.name'), t('devices.column.path'), t('ping.via'), t('device.latency')];
  const rows = there.map((device) => [
    cut(device.name, 60),
    pathWords(device, true).text,
    cut(device.path.via, 64),
    device.path.latencyMs === undefined ? '' : formatMs(device.path.latencyMs),
  ]);
  return (
    <div className="diagnostics-tab">
      <Card
        title={t('paths.title')}
        about={summary}
        actions={<TabTools textOf={() => tableText(summary, columns, rows)} />}
      >
        <TableTwin
          summary={summary}
          chart={<Picture all={there.slice(0, MOST_DRAWN)} selfName={selfName} summary={summary} />}
          columns={columns}
          rows={rows}
        />
        {there.length > MOST_DRAWN ? <p className="soft">{t('paths.more', { count: MOST_DRAWN })}</p> : null}
      </Card>
      <OneDevice all={there} selfName={selfName} />
    </div>
  );
}

/** What lies between this device and one other, and what was tried; relayed ones are the likeliest to be asked about. */
function OneDevice({
  all,
  selfName,
}: {
  readonly all: readonly Device[];
  readonly selfName: string;
}): React.JSX.Element | null {
  const { query } = useRoute();
  const relays = useSnapshot((snapshot) => snapshot.relays);
  const canExplain = useSnapshot(({ daemon }) => daemon.features.includes('explain-path'));
  const netcheck = useRuns(lastRun);
  const asked = query.get('device');
  const choices = all.toSorted((a, b) => worry(a) - worry(b) || compareNames(a.name, b.name));
  const device = choices.find(({ id }) => id === asked) ?? choices[0];
  if (device === undefined) return null;
  const words = pathWords(device, true);
  return (
    <Card
      title={t('paths.one')}
      about={t(`path.about.${device.path.kind}`)}
      actions={
        <Select
          label={t('paths.to')}
          isBare
          value={device.id}
          onChange={(id) => setQuery({ device: id })}
          options={choices.slice(0, MOST_CHOICES).map((one) => ({
            id: one.id,
            text: cut(one.name, 60),
            note: pathWords(one, true).text,
          }))}
        />
      }
    >
      <PathLine
        shape={device.path.kind}
        stops={chainOf({ device, selfName, relays, netcheck, why: device.path.why ?? '' })}
        label={t('device.pathLabel', { name: device.name, path: words.text })}
      />
      {netcheck === undefined ? null : (
        <Facts>
          <Fact name={t('paths.seenAs')}>
            <span className="mono">
              {[netcheck.ipv4, netcheck.ipv6]
                .filter((one) => one !== '')
                .map((one) => cut(one, 64))
                .join(', ') || t('netcheck.none')}
            </span>
          </Fact>
          <Fact name={t('netcheck.portMapping')}>
            {netcheck.portMapping.join(', ') || t('netcheck.none')}
          </Fact>
        </Facts>
      )}
      {canExplain ? <PathExplained key={device.id} device={device} isAtOnce /> : null}
      <div>
        <Link to={`/devices/${encodeURIComponent(device.id)}`}>{t('paths.page')}</Link>
      </div>
    </Card>
  );
}

const MOST_CHOICES = 500;

const WORRIES: Readonly<Record<Device['path']['kind'], number>> = {
  relay: 0,
  'peer-relay': 1,
  none: 2,
  direct: 3,
  idle: 4,
};
const worry = ({ path }: Device): number => WORRIES[path.kind];

const RANKS: Readonly<Record<Device['path']['kind'], number>> = {
  direct: 0,
  'peer-relay': 1,
  relay: 2,
  idle: 3,
  none: 4,
};
const rank = ({ path }: Device): number => RANKS[path.kind];

const SIZE = 400;
/** Names stand beside the circle. */
const SIDE = 90;
const TOP = 60;

function Picture({
  all,
  selfName,
  summary,
}: {
  readonly all: readonly Device[];
  readonly selfName: string;
  readonly summary: string;
}): React.JSX.Element {
  const nodes = placed(all.length, SIZE);
  return (
    <svg
      className="paths"
      viewBox={`${-SIDE} ${TOP} ${SIZE + 2 * SIDE} ${SIZE - 2 * TOP}`}
      role="img"
      aria-label={summary}
    >
      {all.map(({ id, path }, n) => (
        <Way key={id} kind={path.kind} to={nodes[n]} />
      ))}
      <circle cx={SIZE / 2} cy={SIZE / 2} r="9" className="paths-self" />
      <text x={SIZE / 2} y={SIZE / 2 + 24} textAnchor="middle" className="paths-name">
        {cut(selfName, 20)}
      </text>
      {all.map(({ id, name, path }, n) => (
        <Node key={id} name={name} kind={path.kind} at={nodes[n]} isNamed={all.length <= 24} />
      ))}
    </svg>
  );
}

function Way({
  kind,
  to,
}: {
  readonly kind: Device['path']['kind'];
  readonly to: Placed | undefined;
}): React.JSX.Element | null {
  if (to === undefined || kind === 'none') return null;
  return <line x1={SIZE / 2} y1={SIZE / 2} x2={to.x} y2={to.y} className={`paths-way path-${kind}`} />;
}

function Node({
  name,
  kind,
  at,
  isNamed,
}: {
  readonly name: string;
  readonly kind: Device['path']['kind'];
  readonly at: Placed | undefined;
  readonly isNamed: boolean;
}): React.JSX.Element | null {
  if (at === undefined) return null;
  return (
    <g className={`path-${kind}`}>
      <circle cx={at.x} cy={at.y} r="5" className="paths-node">
        <title>{cut(name, 60)}</title>
      </circle>
      {isNamed ? (
        <text x={at.labelX} y={at.labelY} textAnchor={at.anchor} className="paths-name">
          {cut(name, 14)}
        </text>
      ) : null}
    </g>
  );
}
