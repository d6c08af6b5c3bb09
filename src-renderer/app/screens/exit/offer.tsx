/** Offering this device's internet to the network: what it means, what it needs, and whether it is approved. */
import { CircleAlert, CircleCheck, Info } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { ResultOf } from '#shared/bridge/contract.ts';
import { exitNodeOf } from '#shared/ui-state/derive.ts';
import { Button } from '../../../ui/button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../../ui/dialog.tsx';
import { Notice, Problem, Skeleton } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { Switch } from '../../../ui/toggle.tsx';
import { t } from '../../i18n/text.ts';
import { useForwardingFix } from '../../lib/fix-forwarding.tsx';
import { Foreign } from '../../lib/foreign.tsx';
import { useAsked } from '../../lib/use-asked.ts';
import { Fixed, useIsFixed } from '../../shell/fixed.tsx';
import { WHY_READONLY } from '../../shell/read-only.tsx';
import { Screen } from '../../shell/screen.tsx';
import { act, openPage } from '../../store/act.ts';
import { chooseExitNode, isOffering } from '../../store/exit-node.ts';
import { useMayManage, useSnapshot } from '../../store/store.ts';
import './exit.css';

export function OfferScreen(): React.JSX.Element {
  const isOn = useSnapshot(isOffering);
  const isUsing = useSnapshot((snapshot) => exitNodeOf(snapshot).kind !== 'none');
  const isFixed = useIsFixed('advertiseRoutes');
  const mayManage = useMayManage();
  const [isAsking, setAsking] = useState(false);
  const set = (on: boolean): void => {
    setAsking(false);
    void act('exitNode.offer', { on }, on ? t('offer.on') : t('offer.off'));
  };
  return (
    <Screen title={t('offer.title')} about={t('offer.about')}>
      <div className="offer-cards">
        {isUsing && !isOn ? (
          <Notice
            tone="warn"
            action={
              mayManage ? (
                <Button size="small" onPress={() => chooseExitNode('')}>
                  {t('offer.using.stop')}
                </Button>
              ) : undefined
            }
          >
            {t('offer.using')}
          </Notice>
        ) : null}
        <Card>
          <Switch
            isSelected={isOn}
            isDisabled={!mayManage || isFixed || (isUsing && !isOn)}
            describedBy={isFixed ? WHY_FIXED : mayManage ? undefined : WHY_READONLY}
            onChange={(on) => (on ? setAsking(true) : set(false))}
          >
            {t('offer.switch')}
          </Switch>
          {isFixed ? <Fixed id={WHY_FIXED} /> : null}
        </Card>
        <Card title={t('offer.checks')}>
          <Checks key={String(isOn)} isOn={isOn} />
        </Card>
      </div>
      {isAsking ? (
        <Dialog title={t('offer.ask.title')} size="small" onClose={() => setAsking(false)}>
          <DialogBody>
            <p>{t('offer.ask.text')}</p>
          </DialogBody>
          <DialogFoot>
            <Button autoFocus onPress={() => setAsking(false)}>
              {t('offer.ask.no')}
            </Button>
            <Button kind="strong" onPress={() => set(true)}>
              {t('offer.ask.yes')}
            </Button>
          </DialogFoot>
        </Dialog>
      ) : null}
    </Screen>
  );
}

/** Made anew whenever it is switched: the daemon may have changed what it could. */
function Checks({ isOn }: { readonly isOn: boolean }): React.JSX.Element {
  const { answer, again } = useAsked('routes.check', undefined);
  const isApproved = useSnapshot(({ self }) => self?.isExitOption === true);
  if (answer.kind === 'waiting') return <Skeleton rows={3} />;
  return (
    <>
      {answer.kind === 'failed' ? <Problem text={answer.problem} /> : null}
      <ul className="needs">
        {answer.kind === 'ready' ? <Machine found={answer.value} onAgain={again} /> : null}
        {isOn ? (
          <Check
            tone={isApproved ? 'good' : 'bad'}
            title={isApproved ? t('offer.check.approved') : t('offer.check.waiting')}
            {...(isApproved
              ? {}
              : {
                  note: t('offer.check.waitingNote'),
                  action: (
                    <Button size="small" onPress={() => void openPage('admin')}>
                      {t('offer.check.open')}
                    </Button>
                  ),
                })}
          />
        ) : null}
        <Check tone="info" title={t('offer.check.online')} note={t('offer.check.onlineNote')} />
      </ul>
    </>
  );
}

function Machine({
  found: { forwarding, udpGro },
  onAgain,
}: {
  readonly found: ResultOf<'routes.check'>;
  readonly onAgain: () => void;
}): React.JSX.Element {
  const fix = useForwardingFix(onAgain);
  return (
    <>
      {forwarding === '' ? (
        <Check tone="good" title={t('offer.check.forwarding')} />
      ) : (
        <Check
          tone="bad"
          title={t('offer.check.forwardingBad')}
          note={
            <>
              <Forwarding text={forwarding} />
              {fix.said}
            </>
          }
          action={
            <span className="need-actions">
              {fix.button}
              <Button size="small" kind={fix.button === null ? 'plain' : 'quiet'} onPress={onAgain}>
                {t('offer.check.again')}
              </Button>
            </span>
          }
        />
      )}
      {udpGro === '' ? (
        <Check tone="good" title={t('offer.check.gro')} />
      ) : (
        <Check tone="info" title={t('offer.check.groBad')} note={<Foreign text={udpGro} max={400} />} />
      )}
    </>
  );
}

/** What is wrong, then what helps: only an administrator can do that, so that it is not what everybody reads first. */
function Forwarding({ text }: { readonly text: string }): React.JSX.Element {
  const [what = '', ...help] = text.split('\n');
  return (
    <>
      <Foreign text={what} max={400} />
      {help.length === 0 ? null : (
        <details className="other-ways">
          <summary>{t('offer.check.forwardingHow')}</summary>
          <Foreign text={help.join(' ')} max={600} />
        </details>
      )}
    </>
  );
}

const WHY_FIXED = 'why-offer-fixed';

const ICONS = { good: CircleCheck, bad: CircleAlert, info: Info } as const;

function Check({
  tone,
  title,
  note,
  action,
}: {
  readonly tone: 'good' | 'bad' | 'info';
  readonly title: string;
  readonly note?: ReactNode;
  readonly action?: ReactNode;
}): React.JSX.Element {
  const Icon = ICONS[tone];
  const word = tone === 'good' ? t('offer.ok') : tone === 'bad' ? t('offer.bad') : t('offer.info');
  return (
    <li className={`need need-${tone}`}>
      <Icon role="img" aria-label={word} />
      <div>
        <p>{title}</p>
        {note === undefined ? null : <div className="soft">{note}</div>}
      </div>
      {action}
    </li>
  );
}
