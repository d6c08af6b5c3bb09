/** Signing in with a key that an admin made: no browser needed; the key is not kept. */
import { useState } from 'react';
import { Button } from '../../../ui/button.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Problem } from '../../../ui/notice.tsx';
import { Checkbox } from '../../../ui/toggle.tsx';
import { t } from '../../i18n/text.ts';
import { useBegunForm } from '../../shell/begun.ts';
import { useSignIn } from '../../store/sign-in.ts';
import { useSnapshot } from '../../store/store.ts';
import { keyIsBad } from './names.ts';

export function AuthKeyForm({
  host,
  onBack,
  onSubmit,
}: {
  readonly host: string;
  readonly onBack: () => void;
  readonly onSubmit: (authKey: string) => Promise<void>;
}): React.JSX.Element {
  const [key, setKey] = useState('');
  const [isShown, setShown] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const problem = useSignIn(({ problem }) => problem);
  const loginError = useSnapshot(({ loginError }) => loginError);
  const isBad = keyIsBad(key);
  useBegunForm(key !== '');
  const send = async (): Promise<void> => {
    if (isBusy || isBad || key.trim() === '') return;
    setBusy(true);
    await onSubmit(key.trim());
    setKey('');
    setBusy(false);
  };
  return (
    <form
      className="signin"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div>
        <h2>{t('signin.key.title')}</h2>
        <p className="soft">
          {t('signin.key.text')} {host === '' ? null : t('signin.at', { host })}
        </p>
      </div>
      <TextField
        label={t('signin.key.label')}
        type={isShown ? 'text' : 'password'}
        value={key}
        onChange={setKey}
        autoFocus
        isMono
        maxLength={1_024}
        problem={isBad ? t('signin.key.bad') : undefined}
      />
      <Checkbox isSelected={isShown} onChange={setShown}>
        {t('signin.key.show')}
      </Checkbox>
      {problem !== undefined ? <Problem text={problem} /> : null}
      {problem === undefined && loginError !== undefined && loginError !== '' ? (
        <Problem text={t('signin.failed', { why: loginError })} />
      ) : null}
      <div className="row">
        <Button kind="strong" type="submit" isPending={isBusy} isDisabled={isBad || key.trim() === ''}>
          {t('signin.button')}
        </Button>
        <Button onPress={onBack}>{t('signin.back')}</Button>
      </div>
    </form>
  );
}
