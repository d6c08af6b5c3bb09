/** For people who may look and not change: said on every screen, with the way to the permission where there is one. */
import { useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { Notice } from '../../ui/notice.tsx';
import { tellFailed } from '../../ui/toast.tsx';
import { isDeclined } from '../bridge/failure.ts';
import { t } from '../i18n/text.ts';
import { ask, failureText } from '../store/act.ts';
import { useApp, useCan } from '../store/store.ts';

/** The id of the text that says why a control is disabled. */
export const WHY_READONLY = 'why-readonly';

export function ReadOnlyBanner(): React.JSX.Element | null {
  const isReadOnly = useApp(({ snapshot: { link } }) => link.kind === 'ready' && link.rights === 'readonly');
  const canGrant = useCan('service');
  const platform = useApp(({ snapshot }) => snapshot.daemon.platform);
  const [isBusy, setBusy] = useState(false);
  if (!isReadOnly) return null;
  const grant = async (): Promise<void> => {
    if (isBusy) return;
    setBusy(true);
    try {
      await ask('operator.grant', undefined);
    } catch (error) {
      tellFailed(isDeclined(error) ? t('readonly.nothing') : failureText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="banner">
      <Notice
        action={
          canGrant && platform === 'linux' ? (
            <Button size="small" isPending={isBusy} onPress={() => void grant()}>
              {t('readonly.allow')}
            </Button>
          ) : undefined
        }
      >
        <p id={WHY_READONLY}>{t('readonly.text')}</p>
        {platform === 'linux' ? (
          <details className="other-ways">
            <summary>{t('readonly.otherWays')}</summary>
            <code>sudo rhumb set --operator=$USER</code>
          </details>
        ) : null}
      </Notice>
    </div>
  );
}
