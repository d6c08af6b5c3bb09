/** Why a device is reached as it is: a plain conclusion, each address that was tried, and how the path changed. */
import { RefreshCw } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { ResultOf } from '#shared/bridge/contract.ts';
import type { Device, Relay } from '#shared/ui-state/types.ts';
import { Button } from '../../ui/button.tsx';
import { Notice, Problem } from '../../ui/notice.tsx';
import { formatExact } from '../../ui/time.tsx';
import { formatClock, formatMs } from '../i18n/format.ts';
import { t } from '../i18n/text.ts';
import { ask, failureText } from '../store/act.ts';
import { useApp, useSnapshot } from '../store/store.ts';
import { cut } from './foreign.tsx';
import { wayText } from './path-way.ts';
import { whyText } from './path-why.ts';
import { ping } from './ping.ts';
import { Table } from './table-twin.tsx';
import './path-explain.css';

type Explanation = ResultOf<'path.explain'>;

/** A probe makes the daemon look anew and call the other side; its answers need a moment to be told. */
const LOOK_MS = 3_000;

interface Explaining {
  readonly found: Explanation | undefined;
  readonly problem: string | undefined;
  readonly isBusy: boolean;
  readonly explain: (isAnew: boolean) => void;
}

function useExplanation(id: string): Explaining {
  const bridge = useApp((state) => state.bridge);
  const [found, setFound] = useState<Explanation>();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const run = async (isAnew: boolean): Promise<void> => {
    if (isBusy || bridge === undefined) return;
    const leave = new AbortController();
    stop.current = leave;
    setBusy(true);
    try {
      if (isAnew) {
        const until = AbortSignal.any([leave.signal, AbortSignal.timeout(LOOK_MS)]);
        await ping(bridge, { id, kind: 'disco', count: 1 }, () => undefined, until);
      }
      const answer = await ask('path.explain', { id });
      if (leave.signal.aborted) return;
      setFound(answer);
      setProblem(undefined);
    } catch (error) {
      if (!leave.signal.aborted) setProblem(failureText(error));
    } finally {
      if (!leave.signal.aborted) setBusy(false);
    }
  };
  return { found, problem, isBusy, explain: (isAnew) => void run(isAnew) };
}

/** `isAtOnce`: whoever sees it has asked already. */
export function PathExplained({
  device,
  isAtOnce = false,
}: {
  readonly device: Device;
  readonly isAtOnce?: boolean;
}): React.JSX.Element {
  const { found, problem, isBusy, explain } = useExplanation(device.id);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it appears
  useEffect(() => {
    if (isAtOnce) explain(false);
  }, []);
  const isRelayed = device.path.kind === 'relay' || device.path.kind === 'peer-relay';
  const isFirst = found === undefined && !isAtOnce;
  return (
    <div className="explained">
      {problem === undefined ? null : <Problem text={problem} />}
      {found === undefined ? null : <Findings found={found} path={device.path} />}
      <div>
        {isFirst ? (
          <Button size="small" isPending={isBusy} onPress={() => explain(false)}>
            {isRelayed ? t('device.whyRelayed') : t('device.explain')}
          </Button>
        ) : (
          <Button size="small" icon={RefreshCw} isPending={isBusy} onPress={() => explain(true)}>
            {t('device.explainAgain')}
          </Button>
        )}
      </div>
    </div>
  );
}

function Findings({
  found: { conclusion, tried, history },
  path,
}: {
  readonly found: Explanation;
  readonly path: Device['path'];
}): React.JSX.Element {
  const relays = useSnapshot((snapshot) => snapshot.relays);
  const sentence = conclusionText(conclusion, path, relays);
  return (
    <>
      {sentence === '' ? null : (
        <Notice>
          <bdi>{sentence}</bdi>
        </Notice>
      )}
      {tried.length === 0 ? (
        <p className="soft">{t('device.triedNone')}</p>
      ) : (
        <Table
          caption={t('device.tried')}
          columns={[t('device.address'), t('device.result'), t('device.when')]}
          rows={tried.map((one) => [
            cut(one.endpoint, 64),
            resultText(one),
            one.atMs === null ? '—' : formatClock(one.atMs),
          ])}
        />
      )}
      {history.length === 0 ? null : (
        <div>
          <h3>{t('device.history')}</h3>
          <ul className="plain-list">
            {history.map(({ atMs, from, to }) => (
              <li key={`${atMs} ${to}`}>
                <span className="numbers soft" title={formatExact(atMs)}>
                  {formatClock(atMs)}
                </span>{' '}
                <bdi>{t('device.pathChange', { from: wayText(from, relays), to: wayText(to, relays) })}</bdi>
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

/** What hinders, and what is done instead. */
export function conclusionText(
  conclusion: string,
  path: Pick<Device['path'], 'kind' | 'via'>,
  relays: readonly Relay[],
): string {
  if (path.kind === 'direct') return '';
  const isRelayed = path.kind === 'relay' && path.via !== '';
  const way = isRelayed ? t('path.so', { name: relayName(path.via, relays) }) : '';
  return conclusion === '' ? way : `${whyText(conclusion)} ${way}`.trim();
}

const relayName = (code: string, relays: readonly Relay[]): string =>
  relays.find((one) => one.code === code)?.name || code;

function resultText({ result, latencyMs }: Explanation['tried'][number]): string {
  return latencyMs === null
    ? t(`device.tried.${result}`)
    : t('device.tried.timed', { result: t(`device.tried.${result}`), time: formatMs(latencyMs) });
}
