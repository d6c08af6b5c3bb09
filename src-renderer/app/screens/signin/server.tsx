/** Another control server: asked whether it is one before anything is changed. */
import { useMemo, useState } from 'react';
import type { ResultOf } from '#shared/bridge/contract.ts';
import { Button } from '../../../ui/button.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Notice, Problem } from '../../../ui/notice.tsx';
import { t } from '../../i18n/text.ts';
import { Foreign } from '../../lib/foreign.tsx';
import { useBegunForm } from '../../shell/begun.ts';
import { Fixed, useIsFixed } from '../../shell/fixed.tsx';
import { serverHost } from '../../store/accounts.ts';
import { ask, failureText } from '../../store/act.ts';
import { useSnapshot } from '../../store/store.ts';

type Probe =
  | { readonly kind: 'none' }
  | { readonly kind: 'asking' }
  | { readonly kind: 'answered'; readonly answer: ResultOf<'login.probeServer'> }
  | { readonly kind: 'failed'; readonly problem: string };

export function ServerForm({
  first,
  onBack,
  onFound,
}: {
  readonly first: string;
  readonly onBack: () => void;
  readonly onFound: (url: string, next: 'browser' | 'key') => void;
}): React.JSX.Element {
  const isFixed = useIsFixed('server');
  const [url, setUrl] = useState(first);
  const [probe, setProbe] = useState<Probe>({ kind: 'none' });
  useBegunForm(url !== first);
  const check = async (wanted: string): Promise<void> => {
    if (wanted.trim() === '' || probe.kind === 'asking') return;
    setProbe({ kind: 'asking' });
    try {
      setProbe({ kind: 'answered', answer: await ask('login.probeServer', { url: wanted.trim() }) });
    } catch (error) {
      setProbe({ kind: 'failed', problem: failureText(error) });
    }
  };
  const found = probe.kind === 'answered' && probe.answer.isReachable ? probe.answer.url : undefined;
  if (isFixed) return <FixedServer onBack={onBack} />;
  return (
    <form
      className="signin"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (found === undefined) void check(url);
        else onFound(found, 'browser');
      }}
    >
      <div>
        <h2>{t('signin.server.title')}</h2>
        <p className="soft">{t('signin.server.text')}</p>
      </div>
      <TextField
        label={t('signin.server.label')}
        type="url"
        value={url}
        placeholder="https://vpn.example.com"
        autoFocus
        maxLength={2_048}
        onChange={(next) => {
          setUrl(next);
          setProbe({ kind: 'none' });
        }}
      />
      <Recent
        onPick={(server) => {
          setUrl(server);
          void check(server);
        }}
      />
      <div role="status">
        {found === undefined ? null : <Notice tone="good">{t('signin.server.found', { url: found })}</Notice>}
      </div>
      <NotFound probe={probe} />
      <div className="row">
        {found === undefined ? (
          <Button
            kind="strong"
            type="submit"
            isPending={probe.kind === 'asking'}
            isDisabled={url.trim() === ''}
          >
            {t('signin.server.check')}
          </Button>
        ) : (
          <>
            <Button kind="strong" type="submit">
              {t('signin.server.use')}
            </Button>
            <Button onPress={() => onFound(found, 'key')}>{t('signin.server.key')}</Button>
          </>
        )}
        <Button onPress={onBack}>{t('signin.back')}</Button>
      </div>
    </form>
  );
}

function FixedServer({ onBack }: { readonly onBack: () => void }): React.JSX.Element {
  const server = useSnapshot(({ settings }) => settings?.server ?? '');
  return (
    <div className="signin">
      <h2>{t('signin.server.title')}</h2>
      <TextField label={t('signin.server.label')} value={server} isReadOnly onChange={() => undefined} />
      <Fixed />
      <div className="row">
        <Button onPress={onBack}>{t('signin.back')}</Button>
      </div>
    </div>
  );
}

function NotFound({ probe }: { readonly probe: Probe }): React.JSX.Element | null {
  if (probe.kind === 'failed') return <Problem text={probe.problem} />;
  if (probe.kind !== 'answered' || probe.answer.isReachable) return null;
  const { url, trouble, problem } = probe.answer;
  return trouble === 'none' ? null : (
    <Problem text={t(`signin.server.not.${trouble}`, { url, why: problem })} />
  );
}

/** Servers of the accounts that are known here. */
function Recent({ onPick }: { readonly onPick: (server: string) => void }): React.JSX.Element | null {
  const accounts = useSnapshot(({ accounts }) => accounts);
  const servers = useMemo(
    () => [...new Set(accounts.map(({ server }) => server).filter((server) => serverHost(server) !== ''))],
    [accounts],
  );
  if (servers.length === 0) return null;
  return (
    <div className="row">
      <span className="soft">{t('signin.server.recent')}</span>
      {servers.slice(0, 5).map((server) => (
        <Button key={server} size="small" onPress={() => onPick(server)}>
          <Foreign text={serverHost(server)} max={60} />
        </Button>
      ))}
    </div>
  );
}
