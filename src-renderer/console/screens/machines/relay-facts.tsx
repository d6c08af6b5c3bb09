/** A machine's home relay and how far each region is from it, as it measured last. */
import type { Node } from '#shared/console/shapes.ts';
import { Fact } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { useQuery } from '../../api/query.ts';
import { useMay } from '../../app/session.ts';
import { latenciesOf } from './facts.ts';

export function RelayFacts({ node }: { readonly node: Node }): React.JSX.Element {
  const may = useMay();
  const { data } = useQuery('derp.map', may('derp.map') ? {} : undefined);
  const nameOf = (id: string): string => data?.Regions?.[id]?.RegionName ?? t('region {id}', { id });
  const measured = latenciesOf(node);
  return (
    <>
      <Fact name={t('Home relay')}>
        {node.home_derp === 0 ? <span className="soft">{t('none')}</span> : nameOf(String(node.home_derp))}
      </Fact>
      {measured.length === 0 ? null : (
        <Fact name={t('Measured')}>
          <ul>
            {measured.slice(0, 5).map(([id, ms]) => (
              <li key={id}>
                {nameOf(id)} <span className="soft numbers">{t('{ms} ms', { ms: Math.round(ms) })}</span>
              </li>
            ))}
          </ul>
        </Fact>
      )}
    </>
  );
}
