/** Puts the settings of the connection back to how they were at first; people are told what that means before. */
import { useState } from 'react';
import type { ArgOf } from '#shared/bridge/contract.ts';
import { Button } from '../../../ui/button.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { t } from '../../i18n/text.ts';
import { act } from '../../store/act.ts';
import { useMayManage, useSnapshot } from '../../store/store.ts';

/** As official clients begin; who may manage, and whether it is connected, stay. */
export const firstSettings = (platform: string): ArgOf<'prefs.edit'> => ({
  hostname: '',
  acceptRoutes: platform !== 'linux',
  acceptDns: true,
  shieldsUp: false,
  allowLan: false,
  advertiseRoutes: [],
  noSnat: false,
  ...(platform === 'linux' && { netfilterMode: 2 as const }),
});

export function Reset({ label, note }: { readonly label: string; readonly note: string }): React.JSX.Element {
  const mayManage = useMayManage();
  const platform = useSnapshot(({ daemon }) => daemon.platform);
  const [isAsking, setAsking] = useState(false);
  const reset = async (): Promise<void> => {
    const isFree = await act('exitNode.set', { id: '', auto: false });
    if (isFree) await act('prefs.edit', firstSettings(platform), t('settings.reset.done'));
    setAsking(false);
  };
  return (
    <div className="setting-shown">
      <span className="setting-text">
        {label}
        <span className="setting-note">{note}</span>
      </span>
      <Button isDisabled={!mayManage} onPress={() => setAsking(true)}>
        {t('settings.reset.button')}
      </Button>
      {isAsking ? (
        <FormDialog
          title={t('settings.reset.title')}
          submit={t('settings.reset.button')}
          size="small"
          onClose={() => setAsking(false)}
          onSubmit={reset}
        >
          <p>{t('settings.reset.text')}</p>
        </FormDialog>
      ) : null}
    </div>
  );
}
