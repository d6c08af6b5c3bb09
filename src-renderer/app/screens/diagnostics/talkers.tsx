/** Who sent and received most: counted by the service since it started. */
import { useEffect, useState } from 'react';
import type { ResultOf } from '#shared/bridge/contract.ts';
import { findDevice } from '#shared/ui-state/find.ts';
import { Problem } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { useIsShown } from '../../../ui/shown.ts';
import { formatBytes } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { Link } from '../../shell/link.tsx';
import { ask, failureText } from '../../store/act.ts';
import { useSnapshot } from '../../store/store.ts';

type Talkers = ResultOf<'traffic.top'>;

const AGAIN_MS = 10_000;

function useTalkers(isFollowing: boolean): {
  readonly talkers: Talkers | undefined;
  readonly problem: string;
} {
  const [talkers, setTalkers] = useState<Talkers>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    if (!isFollowing) return;
    let isGone = false;
    const look = async (): Promise<void> => {
      try {
        const found = await ask('traffic.top', {});
        if (isGone) return;
        setTalkers(found);
        setProblem('');
      } catch (error) {
        if (!isGone) setProblem(failureText(error));
      }
    };
    void look();
    const timer = setInterval(() => void look(), AGAIN_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, [isFollowing]);
  return { talkers, problem };
}

export function TopTalkers({ isPaused }: { readonly isPaused: boolean }): React.JSX.Element {
  const isShown = useIsShown();
  const { talkers, problem } = useTalkers(isShown && !isPaused);
  return (
    <Card title={t('talkers.title')} about={t('talkers.about')}>
      {problem === '' ? null : <Problem text={problem} />}
      {talkers === undefined ? null : talkers.length === 0 ? (
        <p className="soft">{t('talkers.none')}</p>
      ) : (
        <ol className="talkers">
          {talkers.slice(0, 10).map((one) => (
            <Talker key={one.id} talker={one} most={sum(talkers[0] ?? one)} />
          ))}
        </ol>
      )}
    </Card>
  );
}

const sum = (one: Talkers[number]): number => one.in + one.out;

function Talker({
  talker,
  most,
}: {
  readonly talker: Talkers[number];
  readonly most: number;
}): React.JSX.Element {
  const name = useSnapshot((snapshot) => findDevice(snapshot, talker.id)?.name ?? talker.id);
  return (
    <li className="talker">
      <Link to={`/devices/${encodeURIComponent(talker.id)}`}>
        <bdi>{cut(name, 40)}</bdi>
      </Link>
      <span className="talker-track" aria-hidden="true">
        <span
          className="talker-bar"
          style={{ inlineSize: `${Math.max(1, (sum(talker) / Math.max(1, most)) * 100)}%` }}
        />
      </span>
      <span className="numbers talker-sums">
        {t('talkers.sums', { in: formatBytes(talker.in), out: formatBytes(talker.out) })}
      </span>
    </li>
  );
}
