/** How packets get to a device, as a line, with what was tried and why it is not better. */
import { useState } from 'react';
import type { ResultOf } from '#shared/bridge/contract.ts';
import type { Device } from '#shared/ui-state/types.ts';
import { Button } from '../../../ui/button.tsx';
import { Notice, Problem } from '../../../ui/notice.tsx';
import { Card, Fact, Facts } from '../../../ui/page.tsx';
import { PathLine, type PathStop } from '../../../ui/path-line.tsx';
import { Moment } from '../../../ui/time.tsx';
import { formatClock, formatMs } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { pathWords } from '../../lib/devices.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { ask, failureText } from '../../store/act.ts';
import { useSnapshot } from '../../store/store.ts';

export function PathCard({
  device,
  isOn,
}: {
  readonly device: Device;
  readonly isOn: boolean;
}): React.JSX.Element {
  const selfName = useSnapshot(({ self }) => self?.name ?? '');
  const canExplain = useSnapshot(({ daemon }) => daemon.features.includes('explain-path'));
  const { path } = device;
  const words = pathWords(device, isOn);
  const summary = words.text === '—' ? t('path.none') : words.text;
  return (
    <Card title={t('device.path')} about={t(`path.about.${isOn ? path.kind : 'none'}`)}>
      <PathLine
        shape={isOn ? path.kind : 'none'}
        stops={stopsOf(device, selfName)}
        label={t('device.pathLabel', { name: device.name, path: summary })}
      />
      <Facts>
        {path.kind === 'direct' && path.via !== '' ? (
          <Fact name={t('device.endpoint')}>
            <span className="mono">{cut(path.via, 64)}</span>
          </Fact>
        ) : null}
        {path.latencyMs === undefined ? null : (
          <Fact name={t('device.latency')}>{formatMs(path.latencyMs)}</Fact>
        )}
        {path.sinceMs === undefined ? null : (
          <Fact name={t('device.since')}>
            <Moment atMs={path.sinceMs} />
          </Fact>
        )}
        {device.lastHandshakeMs === undefined ? null : (
          <Fact name={t('device.handshake')}>
            <Moment atMs={device.lastHandshakeMs} />
          </Fact>
        )}
        {device.homeRelay === '' ? null : (
          <Fact name={t('device.homeRelay')}>
            <Foreign text={device.homeRelay} max={40} />
          </Fact>
        )}
        {path.why === undefined ? null : (
          <Fact name={t('device.why')}>
            <Foreign text={path.why} max={400} />
          </Fact>
        )}
      </Facts>
      {canExplain && isOn ? <Explain device={device} /> : <Candidates device={device} />}
    </Card>
  );
}

function stopsOf({ name, path }: Device, selfName: string): readonly PathStop[] {
  const here: PathStop = { id: 'here', title: t('device.here'), note: cut(selfName, 40) };
  const there: PathStop = { id: 'there', title: cut(name, 40) };
  if (path.kind === 'relay')
    return [here, { id: 'way', title: t('path.relay'), note: cut(path.via, 40), isWay: true }, there];
  if (path.kind === 'peer-relay')
    return [here, { id: 'way', title: t('path.peerRelay'), note: cut(path.via, 64), isWay: true }, there];
  return [here, there];
}

function Candidates({ device }: { readonly device: Device }): React.JSX.Element | null {
  if (device.candidates.length === 0) return null;
  return (
    <details>
      <summary>{t('device.candidates', { count: device.candidates.length })}</summary>
      <ul className="device-list">
        {device.candidates.map((one) => (
          <li key={one} className="mono">
            {cut(one, 64)}
          </li>
        ))}
      </ul>
    </details>
  );
}

type Explanation = ResultOf<'path.explain'>;

/** Asked for, for it takes the daemon some work. */
function Explain({ device }: { readonly device: Device }): React.JSX.Element {
  const [found, setFound] = useState<Explanation>();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const isRelayed = device.path.kind === 'relay' || device.path.kind === 'peer-relay';
  const explain = async (): Promise<void> => {
    if (isBusy) return;
    setBusy(true);
    try {
      setFound(await ask('path.explain', { id: device.id }));
      setProblem(undefined);
    } catch (error) {
      setProblem(failureText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {problem === undefined ? null : <Problem text={problem} />}
      {found === undefined ? null : <Explained found={found} />}
      <div>
        <Button size="small" isPending={isBusy} onPress={() => void explain()}>
          {found === undefined
            ? isRelayed
              ? t('device.whyRelayed')
              : t('device.explain')
            : t('device.explainAgain')}
        </Button>
      </div>
    </>
  );
}

export function Explained({ found }: { readonly found: Explanation }): React.JSX.Element {
  const { conclusion, tried, history } = found;
  return (
    <div className="device-explained">
      {conclusion === '' ? null : (
        <Notice>
          <Foreign text={conclusion} max={600} />
        </Notice>
      )}
      {tried.length === 0 ? (
        <p className="soft">{t('device.triedNone')}</p>
      ) : (
        <div className="table-box">
          <table className="table">
            <caption>{t('device.tried')}</caption>
            <thead>
              <tr>
                <th scope="col">{t('device.address')}</th>
                <th scope="col">{t('device.result')}</th>
                <th scope="col">{t('device.when')}</th>
              </tr>
            </thead>
            <tbody>
              {tried.map(({ endpoint, result, atMs, latencyMs }) => (
                <tr key={`${endpoint} ${atMs}`}>
                  <td className="mono">{cut(endpoint, 64)}</td>
                  <td>
                    {t(`device.tried.${result}`)}
                    {latencyMs === null ? null : `, ${formatMs(latencyMs)}`}
                  </td>
                  <td className="numbers">{atMs === null ? '—' : formatClock(atMs)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {history.length === 0 ? null : (
        <div>
          <h3>{t('device.history')}</h3>
          <ul className="device-list">
            {history.map(({ atMs, from, to }) => (
              <li key={`${atMs} ${to}`}>
                <span className="numbers soft">{formatClock(atMs)}</span> {cut(from, 60)} → {cut(to, 60)}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
