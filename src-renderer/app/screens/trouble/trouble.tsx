/** When there is no daemon to show: why, and what brings it back (desktop.md §5.1). */
import type { ReactNode } from 'react';
import type { UiState } from '#shared/ui-state/derive.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { Fact, Facts } from '../../../ui/page.tsx';
import { type Key, t } from '../../i18n/text.ts';
import { Foreign } from '../../lib/foreign.tsx';
import { openPage } from '../../store/act.ts';
import { useApp, useCan, useSnapshot } from '../../store/store.ts';
import { versionGap } from '../home/alerts.ts';
import { Hero } from '../home/hero.tsx';
import { COMMANDS } from './commands.ts';
import { Do } from './do.tsx';
import { RestartApp } from './restart-app.tsx';
import { Stopped } from './stopped.tsx';
import '../home/home.css';
import '../signin/sign-in.css';

export function Trouble({ ui }: { readonly ui: UiState }): React.JSX.Element {
  return (
    <div className="page home">
      <Hero>
        <div className="signin">{contentOf(ui)}</div>
      </Hero>
    </div>
  );
}

function contentOf(ui: UiState): ReactNode {
  switch (ui) {
    case 'no-daemon':
      return <NotInstalled />;
    case 'daemon-stopped':
      return <Stopped />;
    case 'untrusted-daemon':
      return <Untrusted />;
    case 'version-mismatch':
      return <Mismatch />;
    case 'other-user':
      return <OtherUser />;
    default:
      return null;
  }
}

/** What is put on the machine, and where: an administrator wants to know before. */
const PLACES: Readonly<Record<string, Key>> = {
  linux: 'trouble.no-daemon.where.linux',
  darwin: 'trouble.no-daemon.where.darwin',
  win32: 'trouble.no-daemon.where.win32',
};

function NotInstalled(): React.JSX.Element {
  const canService = useCan('service');
  const platform = useApp(({ host }) => host.platform);
  const [commands, where] = [COMMANDS[platform], PLACES[platform]];
  return (
    <>
      <p>{t('trouble.no-daemon.text')}</p>
      {where === undefined ? null : <p className="soft">{t(where)}</p>}
      {commands === undefined ? null : (
        <div className="stack">
          <p className="soft">{t('trouble.no-daemon.package')}</p>
          <CopyField isBlock text={commands.install} label={t('trouble.copyCommand')} />
        </div>
      )}
      <div className="row">
        {canService ? (
          <Do
            call="service.install"
            arg={undefined}
            text={t('trouble.no-daemon.install')}
            busy={t('trouble.no-daemon.working')}
            byHand={commands?.install}
          />
        ) : null}
        <Button onPress={() => void openPage('help')}>{t('trouble.no-daemon.howTo')}</Button>
      </div>
    </>
  );
}

function Untrusted(): React.JSX.Element {
  const reason = useSnapshot(({ link }) => (link.kind === 'refused' ? link.reason : ''));
  return (
    <>
      <p>{t('trouble.untrusted-daemon.text')}</p>
      <Facts>
        <Fact name={t('trouble.untrusted-daemon.details')}>
          <Foreign text={reason} max={400} />
        </Fact>
      </Facts>
    </>
  );
}

function Mismatch(): React.JSX.Element {
  const daemon = useSnapshot(({ link }) => (link.kind === 'mismatch' ? link.daemonVersion : ''));
  const app = useApp(({ host }) => host.version);
  const canService = useCan('service');
  const canUpdate = useCan('updates');
  // Whichever is older runs on from before an update; where nobody can tell, the service is what can be started anew.
  const isAppOld = versionGap(app, daemon) === 'older-app';
  return (
    <>
      <p>{t('trouble.version-mismatch.text')}</p>
      <Facts>
        <Fact name={t('trouble.version-mismatch.app')}>{app}</Fact>
        <Fact name={t('trouble.version-mismatch.service')}>
          <Foreign text={daemon} max={60} />
        </Fact>
      </Facts>
      <div className="row">
        {canService && isAppOld ? <RestartApp /> : null}
        {canService && !isAppOld ? (
          <Do call="service.restart" arg={undefined} text={t('trouble.version-mismatch.restart')} />
        ) : null}
        {canUpdate ? (
          <Do call="update.install" arg={undefined} text={t('trouble.version-mismatch.update')} />
        ) : (
          <Button onPress={() => void openPage('release-notes')}>
            {t('trouble.version-mismatch.update')}
          </Button>
        )}
      </div>
    </>
  );
}

/** The daemon says who, in its own words. */
function OtherUser(): React.JSX.Element {
  const who = useSnapshot(({ loginError }) => loginError ?? '');
  return (
    <>
      <p>{t('trouble.other-user.text')}</p>
      {who === '' ? null : (
        <Facts>
          <Fact name={t('trouble.other-user.who')}>
            <Foreign text={who} max={200} />
          </Fact>
        </Facts>
      )}
    </>
  );
}
