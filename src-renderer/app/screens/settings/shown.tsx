/** Rows that show more than they change: the server, names in use, updates. */
import { useState } from 'react';
import type { Settings } from '#shared/ui-state/types.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { Notice, Problem } from '../../../ui/notice.tsx';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { Link } from '../../shell/link.tsx';
import { act, ask, failureText } from '../../store/act.ts';
import { useMayManage, useSnapshot } from '../../store/store.ts';

interface Said {
  readonly label: string;
  readonly note: string;
}

const Shown = ({
  label,
  note,
  children,
}: Said & { readonly children?: React.ReactNode }): React.JSX.Element => (
  <div className="setting-shown">
    <span className="setting-text">
      {label}
      <span className="setting-note">{note}</span>
    </span>
    {children}
  </div>
);

export const Server = ({ settings, ...said }: Said & { readonly settings: Settings }): React.JSX.Element => (
  <Shown {...said}>
    <bdi className="mono setting-value">{cut(settings.server, 120) || '—'}</bdi>
  </Shown>
);

export function DnsNow(said: Said): React.JSX.Element {
  const network = useSnapshot((snapshot) => snapshot.network);
  return (
    <>
      <Shown {...said}>
        <Link to="/diagnostics/dns">{t('settings.dnsNow.open')}</Link>
      </Shown>
      {network === undefined || network.suffix === '' ? null : (
        <Shown label={t('settings.suffix')} note={t('settings.suffix.note')}>
          <bdi className="mono setting-value">{cut(network.suffix, 120)}</bdi>
        </Shown>
      )}
    </>
  );
}

/** As official clients have it. */
const WEB_PORT = 5_252;

/** Where this page is shown to the network, once it is. */
export function WebAddress({
  settings,
  ...said
}: Said & { readonly settings: Settings }): React.JSX.Element | null {
  const address = useSnapshot(({ self }) => self?.addresses.find((one) => !one.includes(':')) ?? '');
  if (!settings.runWebClient || address === '') return null;
  const url = `http://${address}:${WEB_PORT}`;
  return (
    <Shown {...said}>
      <CopyField text={url} label={t('device.copyValue', { value: url })} />
    </Shown>
  );
}

/** Of the program itself, where its host can. */
export function Updates(said: Said): React.JSX.Element {
  const mayManage = useMayManage();
  const [found, setFound] = useState<{ readonly version: string; readonly isNewer: boolean }>();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const check = async (): Promise<void> => {
    if (isBusy) return;
    setBusy(true);
    try {
      setFound(await ask('update.check', undefined));
      setProblem(undefined);
    } catch (error) {
      setProblem(failureText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Shown {...said}>
        <Button isPending={isBusy} onPress={() => void check()}>
          {t('settings.update.check')}
        </Button>
      </Shown>
      {problem === undefined ? null : <Problem text={problem} />}
      {found === undefined ? null : found.isNewer ? (
        <Notice
          action={
            mayManage ? (
              <Button kind="strong" size="small" onPress={() => void act('update.install', undefined)}>
                {t('settings.update.install')}
              </Button>
            ) : undefined
          }
        >
          {t('settings.update.newer', { version: found.version })}
        </Notice>
      ) : (
        <Notice tone="good">{t('settings.update.current')}</Notice>
      )}
    </>
  );
}
