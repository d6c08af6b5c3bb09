/** Which way the internet is used: straight out, or through another device. */
import { Globe, Laptop, Shield } from 'lucide-react';
import { type ExitNode, exitNodeOf } from '#shared/ui-state/derive.ts';
import { findDevice } from '#shared/ui-state/find.ts';
import type { Device } from '#shared/ui-state/types.ts';
import { Button } from '../../../ui/button.tsx';
import { Card } from '../../../ui/page.tsx';
import { formatMs } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { Fixed, useIsFixed } from '../../shell/fixed.tsx';
import { placeOf } from '../../shell/heading.ts';
import { go } from '../../shell/route.ts';
import { chooseExitNode, isOffering } from '../../store/exit-node.ts';
import { useMayManage, useSnapshot } from '../../store/store.ts';

export function ExitCard(): React.JSX.Element {
  const snapshot = useSnapshot((whole) => whole);
  const isFixed = useIsFixed('exitNodeId');
  const mayManage = useMayManage() && !isFixed;
  const exit = exitNodeOf(snapshot);
  const isOffered = isOffering(snapshot);
  const last = findDevice(snapshot, snapshot.settings?.lastExitNodeId ?? '');
  const hasOptions = Object.values(snapshot.devices).some(({ isExitOption }) => isExitOption);
  const canAgain = last?.isExitOption === true && last.isOnline && !isOffered;
  const isUsed = exit.kind !== 'none';
  return (
    <Card
      title={t('home.exit.title')}
      actions={
        <Button size="small" onPress={() => go('/exit-node')}>
          {isUsed ? t('home.exit.change') : t('home.exit.choose')}
        </Button>
      }
    >
      <ExitLine exit={exit.kind === 'none' ? undefined : exit.device} isBroken={exit.kind === 'broken'} />
      {isFixed ? <Fixed /> : null}
      <p className="soft">{explanation(exit.kind, isOffered, hasOptions)}</p>
      {mayManage && (exit.kind === 'used' || (!isUsed && canAgain)) ? (
        <div className="row">
          {isUsed ? (
            <Button size="small" onPress={() => chooseExitNode('')}>
              {t('home.exit.stop')}
            </Button>
          ) : last === undefined ? null : (
            <Button size="small" onPress={() => chooseExitNode(last.id)}>
              {t('home.exit.again', { name: placeOf(last) })}
            </Button>
          )}
        </div>
      ) : null}
    </Card>
  );
}

function explanation(kind: ExitNode['kind'], isOffered: boolean, hasOptions: boolean): string {
  if (kind === 'used') return t('home.sub.on-exit');
  if (kind === 'broken') return t('home.sub.exit-broken');
  if (isOffered) return t('home.exit.offering');
  return hasOptions ? t('home.exit.directText') : t('home.exit.none');
}

/** A line from here to the internet, bent through whom it is used. */
function ExitLine({
  exit,
  isBroken,
}: {
  readonly exit: Device | undefined;
  readonly isBroken: boolean;
}): React.JSX.Element {
  const isUsed = exit !== undefined || isBroken;
  const latency = exit?.path.latencyMs;
  const name = exit === undefined ? '' : placeOf(exit);
  return (
    <div className={`way${isBroken ? ' way-broken' : ''}`}>
      <span className="way-end">
        <Laptop aria-hidden="true" />
        <span>{t('home.exit.you')}</span>
      </span>
      <span className="way-line" aria-hidden="true" />
      {isUsed ? (
        <>
          <span className="way-end way-through">
            <Shield aria-hidden="true" />
            <span>
              {name === '' ? '?' : <Foreign text={name} max={40} />}
              {latency === undefined || isBroken ? null : (
                <span className="soft numbers"> {formatMs(latency)}</span>
              )}
            </span>
          </span>
          <span className="way-line" aria-hidden="true" />
        </>
      ) : null}
      <span className="way-end">
        <Globe aria-hidden="true" />
        <span>{t('home.exit.internet')}</span>
      </span>
      <span className="visually-hidden">
        {isUsed ? t('home.exit.through', { name: cut(name) }) : t('home.exit.direct')}
      </span>
    </div>
  );
}
