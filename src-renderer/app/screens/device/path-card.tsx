/** How packets get to a device, as a line, with what is known of the way. */
import type { Device, Relay } from '#shared/ui-state/types.ts';
import { Card, Fact, Facts } from '../../../ui/page.tsx';
import { PathLine } from '../../../ui/path-line.tsx';
import { Moment } from '../../../ui/time.tsx';
import { formatBytes, formatMs } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { pathWords } from '../../lib/devices.ts';
import { cut } from '../../lib/foreign.tsx';
import { lastRun, useRuns } from '../../lib/netcheck-runs.ts';
import { chainOf } from '../../lib/path-chain.ts';
import { PathExplained } from '../../lib/path-explain.tsx';
import { whyText } from '../../lib/path-why.ts';
import { useAsked } from '../../lib/use-asked.ts';
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
  const relays = useSnapshot((snapshot) => snapshot.relays);
  const ownRelay = useSnapshot(({ self }) => self?.homeRelay ?? '');
  const netcheck = useRuns(lastRun);
  const { path } = device;
  const words = pathWords(device, isOn);
  const summary = words.text === '—' ? t('path.none') : words.text;
  return (
    <Card title={t('device.path')} about={t(`path.about.${isOn ? path.kind : 'none'}`)}>
      <PathLine
        shape={isOn ? path.kind : 'none'}
        stops={chainOf({ device, selfName, relays, netcheck, why: path.why ?? '' })}
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
          <Fact name={t('device.homeRelay')}>{relayText(device.homeRelay, relays)}</Fact>
        )}
        {ownRelay === '' ? null : <Fact name={t('device.ownRelay')}>{relayText(ownRelay, relays)}</Fact>}
        <Counted id={device.id} />
        {path.why === undefined || !isOn ? null : (
          <Fact name={t('device.why')}>
            <bdi>{whyText(path.why)}</bdi>
          </Fact>
        )}
      </Facts>
      {canExplain && isOn ? <PathExplained device={device} /> : <Candidates device={device} />}
    </Card>
  );
}

/** Since the service started; nothing where it is not told. */
function Counted({ id }: { readonly id: string }): React.JSX.Element | null {
  const { answer } = useAsked('traffic.top', { device: id });
  const found = answer.kind === 'ready' ? answer.value.find((one) => one.id === id) : undefined;
  if (found === undefined) return null;
  return (
    <Fact name={t('device.bytes')}>
      <span className="numbers">
        {t('talkers.sums', { in: formatBytes(found.in), out: formatBytes(found.out) })}
      </span>
    </Fact>
  );
}

/** By its name, and how far it is from here. */
function relayText(code: string, relays: readonly Relay[]): string {
  const relay = relays.find((one) => one.code === code);
  const name = cut(relay === undefined || relay.name === '' ? code : relay.name, 40);
  return relay?.latencyMs === undefined ? name : `${name}, ${formatMs(relay.latencyMs)}`;
}

function Candidates({ device }: { readonly device: Device }): React.JSX.Element | null {
  if (device.candidates.length === 0) return null;
  return (
    <details>
      <summary>{t('device.candidates', { count: device.candidates.length })}</summary>
      <ul className="plain-list">
        {device.candidates.map((one) => (
          <li key={one} className="mono">
            {cut(one, 64)}
          </li>
        ))}
      </ul>
    </details>
  );
}
