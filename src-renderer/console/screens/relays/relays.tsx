/** Relays: the regions, their hosts, how many machines are at home there and how far away they are. */
import { RadioTower } from 'lucide-react';
import { useMemo } from 'react';
import type { Node } from '#shared/console/shapes.ts';
import { Badge } from '../../../ui/badge.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Card, Fact, Facts, Page } from '../../../ui/page.tsx';
import { plural, t } from '../../../ui/text.ts';
import { useQuery } from '../../api/query.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useMay } from '../../app/session.ts';
import { latenciesOf } from '../machines/facts.ts';
import './relays.css';

interface RegionUse {
  readonly homes: number;
  /** Milliseconds, sorted; as the machines that are online measured them. */
  readonly latencies: readonly number[];
}

/** By number of the region. */
export function usesOfRegions(nodes: readonly Node[]): ReadonlyMap<string, RegionUse> {
  const found = new Map<string, { homes: number; latencies: number[] }>();
  const at = (id: string): { homes: number; latencies: number[] } => {
    const known = found.get(id) ?? { homes: 0, latencies: [] };
    found.set(id, known);
    return known;
  };
  for (const node of nodes) {
    if (!node.online) continue;
    if (node.home_derp !== 0) at(String(node.home_derp)).homes += 1;
    for (const [id, ms] of latenciesOf(node)) at(id).latencies.push(ms);
  }
  for (const use of found.values()) use.latencies.sort((a, b) => a - b);
  return found;
}

export function RelaysScreen(): React.JSX.Element {
  const may = useMay();
  const map = useQuery('derp.map', {});
  const nodes = useQuery('nodes.list', may('nodes.list') ? {} : undefined);
  const use = useMemo(() => usesOfRegions(nodes.data ?? []), [nodes.data]);
  return (
    <Page
      title={t('Relays')}
      about={t('A relay carries encrypted packets where and while two machines have no direct path.')}
    >
      <Loaded query={map} what={t('the relays')}>
        {({ Regions }) => {
          const regions = Object.values(Regions ?? {}).filter((region) => region !== null);
          if (regions.length === 0)
            return (
              <EmptyState icon={RadioTower} title={t('No relays')}>
                {t(
                  'Only machines with a direct path reach each other. The configuration says which relays there are.',
                )}
              </EmptyState>
            );
          return (
            <div className="columns">
              {regions.map((region) => (
                <Card
                  key={region.RegionID}
                  title={region.RegionName}
                  actions={
                    <span className="row">
                      <Badge>{region.RegionCode}</Badge>
                      {region.Avoid === true ? <Badge tone="warn">{t('avoided')}</Badge> : null}
                    </span>
                  }
                >
                  <Use use={use.get(String(region.RegionID))} />
                  <ul className="plain-list">
                    {(region.Nodes ?? []).map((host) => (
                      <li key={host.Name}>
                        <span className="mono">
                          {host.HostName}
                          {host.DERPPort === undefined || host.DERPPort === null ? '' : `:${host.DERPPort}`}
                        </span>
                        <span className="soft">
                          {host.STUNOnly === true
                            ? t('STUN only')
                            : (host.STUNPort ?? 0) < 0
                              ? t('relay only')
                              : t('relay and STUN')}
                        </span>
                      </li>
                    ))}
                  </ul>
                </Card>
              ))}
            </div>
          );
        }}
      </Loaded>
    </Page>
  );
}

function Use({ use }: { readonly use: RegionUse | undefined }): React.JSX.Element {
  const latencies = use?.latencies ?? [];
  const median = latencies[Math.floor(latencies.length / 2)];
  return (
    <>
      <Facts>
        <Fact name={t('At home here')}>{plural(use?.homes ?? 0, '{count} machine', '{count} machines')}</Fact>
        <Fact name={t('Median distance')}>
          {median === undefined ? (
            <span className="soft">{t('nobody measured it yet')}</span>
          ) : (
            <span className="numbers">
              {t('{ms} ms, from {count}', {
                ms: Math.round(median),
                count: plural(latencies.length, '{count} machine', '{count} machines'),
              })}
            </span>
          )}
        </Fact>
      </Facts>
      <Spread latencies={latencies} />
    </>
  );
}

const STEPS = [10, 25, 50, 100, 200, Number.POSITIVE_INFINITY] as const;

/** How many machines are how far away. */
function Spread({ latencies }: { readonly latencies: readonly number[] }): React.JSX.Element | null {
  if (latencies.length < 3) return null;
  const counts = STEPS.map(
    (top, n) => latencies.filter((ms) => ms < top && ms >= (STEPS[n - 1] ?? 0)).length,
  );
  const most = Math.max(...counts, 1);
  const labels = ['<10', '<25', '<50', '<100', '<200', '200+'];
  return (
    <table className="spread">
      <caption className="visually-hidden">{t('Machines by distance in milliseconds')}</caption>
      <tbody>
        {counts.map((count, n) => (
          <tr key={labels[n]}>
            <th scope="row">{t('{label} ms', { label: labels[n] ?? '' })}</th>
            <td className="numbers">{count}</td>
            <td aria-hidden="true">
              <div className="spread-bar" style={{ width: `${(count / most) * 100}%` }} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
