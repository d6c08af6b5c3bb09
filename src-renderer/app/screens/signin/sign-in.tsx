/** Signing in: one button, and three ways behind it. */
import { useState } from 'react';
import { Button } from '../../../ui/button.tsx';
import { TextField } from '../../../ui/field.tsx';
import { t } from '../../i18n/text.ts';
import { WHY_READONLY } from '../../shell/read-only.tsx';
import { serverHost } from '../../store/accounts.ts';
import { startSignIn, useSignIn } from '../../store/sign-in.ts';
import { useApp, useMayManage, useSnapshot } from '../../store/store.ts';
import { AuthKeyForm } from './auth-key.tsx';
import { dnsLabel, dnsPreview } from './names.ts';
import { LoginProblem } from './problem.tsx';
import { ServerForm } from './server.tsx';
import { useIsLong } from './use-is-long.ts';
import './sign-in.css';

type View = { readonly kind: 'idle' } | { readonly kind: 'key' } | { readonly kind: 'server' };

export function SignInPanel(): React.JSX.Element {
  const [view, setView] = useState<View>({ kind: 'idle' });
  const saved = useSnapshot(({ settings }) => settings?.server ?? '');
  const known = useSnapshot(
    ({ settings, self, daemon }) => settings?.hostname || self?.hostName || daemon.hostName,
  );
  const [server, setServer] = useState<string>();
  const [name, setName] = useState<string>();
  const chosen = {
    ...(server !== undefined && { server }),
    ...(name !== undefined && name.trim() !== '' && name.trim() !== known && { hostname: dnsLabel(name) }),
  };
  const host = serverHost(server ?? saved);
  const toIdle = (): void => setView({ kind: 'idle' });
  if (view.kind === 'key')
    return (
      <AuthKeyForm
        host={host}
        name={<NameField value={name ?? known} onChange={setName} />}
        onBack={toIdle}
        onSubmit={({ authKey, tags }) =>
          startSignIn({ ...chosen, authKey, ...(tags.length > 0 && { tags: [...tags] }) })
        }
      />
    );
  if (view.kind === 'server')
    return (
      <ServerForm
        first={server ?? ''}
        onBack={toIdle}
        onFound={(url, next) => {
          setServer(url);
          if (next === 'key') setView({ kind: 'key' });
          else {
            toIdle();
            void startSignIn({ ...chosen, server: url });
          }
        }}
      />
    );
  return (
    <div className="signin">
      <p className="signin-text">{t('signin.text')}</p>
      <LoginProblem />
      <Start host={host} onStart={() => void startSignIn(chosen)} />
      <div className="signin-ways">
        <Way text={t('signin.withKey')} onPress={() => setView({ kind: 'key' })} />
        <Way text={t('signin.otherServer')} onPress={() => setView({ kind: 'server' })} />
      </div>
      <NameField value={name ?? known} onChange={setName} />
    </div>
  );
}

function Way({ text, onPress }: { readonly text: string; readonly onPress: () => void }): React.JSX.Element {
  const mayManage = useMayManage();
  return (
    <Button kind="quiet" isDisabled={!mayManage} onPress={onPress}>
      {text}
    </Button>
  );
}

function Start({
  host,
  onStart,
}: {
  readonly host: string;
  readonly onStart: () => void;
}): React.JSX.Element {
  const mayManage = useMayManage();
  const startedMs = useSignIn(({ startedMs }) => startedMs);
  const isStarting = startedMs !== undefined;
  const isLong = useIsLong(startedMs);
  return (
    <div className="signin-start">
      <Button
        kind="strong"
        isPending={isStarting}
        isDisabled={!mayManage}
        {...(mayManage ? {} : { 'aria-describedby': WHY_READONLY })}
        onPress={() => {
          if (!isStarting || isLong) onStart();
        }}
      >
        {t('signin.button')}
      </Button>
      <span className="soft" role="status">
        {isLong
          ? t('signin.startingLong')
          : isStarting
            ? t('signin.starting')
            : host === ''
              ? ''
              : t('signin.at', { host })}
      </span>
    </div>
  );
}

function NameField({
  value,
  onChange,
}: {
  readonly value: string;
  readonly onChange: (name: string) => void;
}): React.JSX.Element | null {
  const suffix = useApp(({ snapshot }) => snapshot.network?.suffix ?? '');
  const mayManage = useMayManage();
  return (
    <div className="signin-name">
      <TextField
        label={t('signin.name')}
        value={value}
        onChange={onChange}
        maxLength={63}
        isDisabled={!mayManage}
        help={value.trim() === '' ? undefined : t('signin.name.help', { dns: dnsPreview(value, suffix) })}
      />
    </div>
  );
}
