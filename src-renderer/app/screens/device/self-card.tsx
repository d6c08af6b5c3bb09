/** What can be done with this very device: its name, its sign-in, what it offers to others. */
import { useState } from 'react';
import { Button } from '../../../ui/button.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Card } from '../../../ui/page.tsx';
import { t } from '../../i18n/text.ts';
import { isHostName } from '../../lib/host-name.ts';
import { useIsFixed } from '../../shell/fixed.tsx';
import { go } from '../../shell/route.ts';
import { act } from '../../store/act.ts';
import { signInAgain } from '../../store/sign-in.ts';
import { useMayManage, useSnapshot } from '../../store/store.ts';

export function SelfCard(): React.JSX.Element | null {
  const mayManage = useMayManage();
  const hostname = useSnapshot(({ settings }) => settings?.hostname);
  const isFixed = useIsFixed('hostname');
  if (!mayManage || hostname === undefined) return null;
  return (
    <Card title={t('device.self')}>
      {isFixed ? null : <Rename hostname={hostname} />}
      <div className="device-buttons">
        <Button onPress={() => void signInAgain()}>{t('device.signInAgain')}</Button>
        <Button onPress={() => go('/settings/routes')}>{t('device.shareNetworks')}</Button>
        <Button onPress={() => go('/offer-exit-node')}>{t('device.offerExit')}</Button>
      </div>
    </Card>
  );
}

/** Saved when the user says so: half a name would be told to the whole network. */
function Rename({ hostname }: { readonly hostname: string }): React.JSX.Element {
  const [draft, setDraft] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const text = (draft ?? hostname).trim();
  const problem = text === '' || isHostName(text) ? undefined : t('settings.badName');
  const isChanged = draft !== undefined && text !== hostname;
  const save = async (): Promise<void> => {
    if (!isChanged || problem !== undefined || isBusy) return;
    setBusy(true);
    if (await act('prefs.edit', { hostname: text }, t('settings.saved'))) setDraft(undefined);
    setBusy(false);
  };
  return (
    <form
      className="device-rename"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <TextField
        label={t('settings.hostname')}
        help={t('settings.hostname.note')}
        value={draft ?? hostname}
        onChange={setDraft}
        problem={problem}
        maxLength={63}
      />
      {isChanged ? (
        <Button type="submit" kind="strong" isPending={isBusy} isDisabled={problem !== undefined}>
          {t('settings.save')}
        </Button>
      ) : null}
    </form>
  );
}
