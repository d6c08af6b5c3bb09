/** Switches forwarding on where the host can have that done: the button, and what came of it, for wherever they fit. */
import type { ReactNode } from 'react';
import { Button } from '../../ui/button.tsx';
import { Problem } from '../../ui/notice.tsx';
import { tellDone } from '../../ui/toast.tsx';
import { t } from '../i18n/text.ts';
import { useCan, useMayManage } from '../store/store.ts';
import { useHelper } from './use-helper.ts';

interface ForwardingFix {
  readonly button: ReactNode;
  readonly said: ReactNode;
}

export function useForwardingFix(onFixed: () => void): ForwardingFix {
  const canFix = useCan('forwarding');
  const mayManage = useMayManage();
  const { outcome, run } = useHelper('forwarding.enable');
  if (!canFix || !mayManage) return { button: null, said: null };
  const fix = async (): Promise<void> => {
    if (!(await run(undefined))) return;
    tellDone(t('forwarding.fixed'));
    onFixed();
  };
  const isBusy = outcome.kind === 'busy';
  return {
    button: (
      <Button size="small" isPending={isBusy} onPress={() => void fix()}>
        {t('forwarding.fix')}
      </Button>
    ),
    said: (
      <>
        {isBusy || outcome.kind === 'declined' ? (
          <p role="status">{isBusy ? t('trouble.password') : t('trouble.nothingChanged')}</p>
        ) : null}
        {outcome.kind === 'failed' ? <Problem text={outcome.why} /> : null}
      </>
    ),
  };
}
