/** A button for what needs an administrator: says what happens while it does, and what came of it. */
import type { ArgOf } from '#shared/bridge/contract.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyField, copyText } from '../../../ui/copy.tsx';
import { Problem } from '../../../ui/notice.tsx';
import { t } from '../../i18n/text.ts';
import { type HelperCall, type Outcome, useHelper } from '../../lib/use-helper.ts';
import { Lines } from './lines.tsx';

export function Do<K extends HelperCall>({
  call,
  arg,
  text,
  busy = text,
  byHand,
  onTried,
}: {
  readonly call: K;
  readonly arg: ArgOf<K>;
  readonly text: string;
  readonly busy?: string;
  /** The command that does the same, for when this does not. */
  readonly byHand?: string | undefined;
  /** However it went. */
  readonly onTried?: () => void;
}): React.JSX.Element {
  const { outcome, run } = useHelper(call);
  const isBusy = outcome.kind === 'busy';
  return (
    <>
      <Button kind="strong" isPending={isBusy} onPress={() => void run(arg).then(onTried)}>
        {isBusy ? busy : text}
      </Button>
      {isBusy || outcome.kind === 'declined' ? (
        <p role="status" className="soft">
          {isBusy ? t('trouble.password') : t('trouble.nothingChanged')}
        </p>
      ) : null}
      {outcome.kind === 'busy' && outcome.lines.length > 0 ? (
        <div role="log" className="trouble-log">
          <Lines lines={outcome.lines} />
        </div>
      ) : null}
      {outcome.kind === 'failed' ? <Failed outcome={outcome} byHand={byHand} /> : null}
    </>
  );
}

function Failed({
  outcome: { why, details },
  byHand,
}: {
  readonly outcome: Extract<Outcome, { readonly kind: 'failed' }>;
  readonly byHand: string | undefined;
}): React.JSX.Element {
  return (
    <div className="trouble-failed">
      <Problem text={why} />
      <div className="row">
        <Button size="small" onPress={() => void copyText(details)}>
          {t('common.copyDetails')}
        </Button>
      </div>
      {byHand === undefined ? null : (
        <div className="stack">
          <p className="soft">{t('trouble.byHand')}</p>
          <CopyField isBlock text={byHand} label={t('trouble.copyCommand')} />
        </div>
      )}
    </div>
  );
}
