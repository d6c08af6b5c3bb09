/** Signing in with a key that an admin made: no browser needed; the key is not kept. */
import { type ReactNode, useState } from 'react';
import { Button } from '../../../ui/button.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Checkbox } from '../../../ui/toggle.tsx';
import { t } from '../../i18n/text.ts';
import { useBegunForm } from '../../shell/begun.ts';
import { cancelSignIn, useSignIn } from '../../store/sign-in.ts';
import { keyTrouble, tagsOf } from './names.ts';
import { LoginProblem } from './problem.tsx';
import { useIsLong } from './use-is-long.ts';

export interface KeyAndTags {
  readonly authKey: string;
  readonly tags: readonly string[];
}

export function AuthKeyForm({
  host,
  name,
  onBack,
  onSubmit,
}: {
  readonly host: string;
  /** The field for the device's name. */
  readonly name: ReactNode;
  readonly onBack: () => void;
  readonly onSubmit: (how: KeyAndTags) => Promise<void>;
}): React.JSX.Element {
  const [key, setKey] = useState('');
  const [tagText, setTagText] = useState('');
  const [isShown, setShown] = useState(false);
  const startedMs = useSignIn(({ startedMs }) => startedMs);
  const isBusy = startedMs !== undefined;
  const trouble = keyTrouble(key);
  const tags = tagsOf(tagText);
  const canSend = trouble === undefined && tags !== undefined && key.trim() !== '';
  useBegunForm(key !== '');
  const send = (): void => {
    if (isBusy || !canSend) return;
    void onSubmit({ authKey: key.trim(), tags });
    setKey('');
  };
  return (
    <form
      className="signin"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div>
        <h2>{t('signin.key.title')}</h2>
        <p className="soft">{t('signin.key.text')}</p>
      </div>
      <LoginProblem />
      <TextField
        label={t('signin.key.label')}
        type={isShown ? 'text' : 'password'}
        value={key}
        onChange={setKey}
        autoFocus
        isMono
        maxLength={1_024}
        problem={trouble === undefined ? undefined : t(`signin.key.${trouble}`)}
      />
      <Checkbox isSelected={isShown} onChange={setShown}>
        {t('signin.key.show')}
      </Checkbox>
      {name}
      <TextField
        label={t('signin.tags')}
        value={tagText}
        onChange={setTagText}
        maxLength={1_024}
        help={t('signin.tags.help')}
        problem={tags === undefined ? t('signin.tags.bad') : undefined}
      />
      <div className="row">
        <Button kind="strong" type="submit" isPending={isBusy} isDisabled={!canSend && !isBusy}>
          {t('signin.button')}
        </Button>
        <Button onPress={isBusy ? () => void cancelSignIn() : onBack}>
          {isBusy ? t('common.cancel') : t('signin.back')}
        </Button>
        <Waiting startedMs={startedMs} host={host} />
      </div>
    </form>
  );
}

function Waiting({
  startedMs,
  host,
}: {
  readonly startedMs: number | undefined;
  readonly host: string;
}): React.JSX.Element {
  const isLong = useIsLong(startedMs);
  return (
    <span className="soft" role="status">
      {startedMs === undefined ? idleText(host) : isLong ? t('signin.startingLong') : t('signin.key.asking')}
    </span>
  );
}

const idleText = (host: string): string => (host === '' ? '' : t('signin.at', { host }));
