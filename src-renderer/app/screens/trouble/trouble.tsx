/** When there is no daemon to show: why, and what brings it back (desktop.md §5.1). */
import { type ReactNode, useState } from 'react';
import type { CallName } from '#shared/bridge/contract.ts';
import type { UiState } from '#shared/ui-state/derive.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { Problem } from '../../../ui/notice.tsx';
import { Fact, Facts } from '../../../ui/page.tsx';
import { toCallError } from '../../bridge/failure.ts';
import { t } from '../../i18n/text.ts';
import { Foreign } from '../../lib/foreign.tsx';
import { isOutOfReach } from '../../shell/heading.ts';
import { ask, failureText, openPage } from '../../store/act.ts';
import { useApp, useCan, useSnapshot } from '../../store/store.ts';
import { Hero } from '../home/hero.tsx';
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
      return <p>{t('trouble.other-user.text')}</p>;
    default:
      return null;
  }
}

/** Where a host can't do it, the command to type. */
const COMMANDS: Readonly<Record<string, { readonly install: string; readonly start: string }>> = {
  linux: { install: 'sudo apt install rhumb', start: 'sudo systemctl start rhumbd' },
  darwin: {
    install: 'sudo rhumbd service install',
    start: 'sudo launchctl kickstart system/io.rhumb.rhumbd',
  },
  win32: { install: 'rhumbd service install', start: 'sc start rhumbd' },
};

function NotInstalled(): React.JSX.Element {
  const canService = useCan('service');
  const commands = COMMANDS[useApp(({ host }) => host.platform)];
  return (
    <>
      <p>{t('trouble.no-daemon.text')}</p>
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
            text={t('trouble.no-daemon.install')}
            busy={t('trouble.no-daemon.working')}
          />
        ) : null}
        <Button onPress={() => void openPage('help')}>{t('trouble.no-daemon.howTo')}</Button>
      </div>
    </>
  );
}

/** Gives a link to this page. */
const WEB = 'rhumb web';

function Stopped(): React.JSX.Element {
  const canService = useCan('service');
  const commands = COMMANDS[useApp(({ host }) => host.platform)];
  const isLost = useApp(isOutOfReach);
  return (
    <>
      <p>
        {isLost ? t('trouble.out-of-reach.text') : t('trouble.daemon-stopped.text')}{' '}
        <span className="soft">{t('trouble.daemon-stopped.self')}</span>
      </p>
      {canService ? (
        <Do
          call="service.start"
          text={t('trouble.daemon-stopped.start')}
          busy={t('trouble.daemon-stopped.working')}
        />
      ) : null}
      {canService || commands === undefined ? null : (
        <div className="stack">
          <p className="soft">{t('trouble.daemon-stopped.command')}</p>
          <CopyField isBlock text={commands.start} label={t('trouble.copyCommand')} />
        </div>
      )}
      {isLost ? (
        <div className="stack">
          <p className="soft">{t('trouble.out-of-reach.again')}</p>
          <CopyField isBlock text={WEB} label={t('device.copyValue', { value: WEB })} />
        </div>
      ) : null}
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
        {canService ? <Do call="service.restart" text={t('trouble.version-mismatch.restart')} /> : null}
        {canUpdate ? (
          <Do call="update.install" text={t('trouble.version-mismatch.update')} />
        ) : (
          <Button onPress={() => void openPage('release-notes')}>
            {t('trouble.version-mismatch.update')}
          </Button>
        )}
      </div>
    </>
  );
}

type Verb = Extract<CallName, 'service.install' | 'service.start' | 'service.restart' | 'update.install'>;

/** Does it, says so while it does, and what came of it; people may say no to the password. */
function Do({
  call,
  text,
  busy = text,
}: {
  readonly call: Verb;
  readonly text: string;
  readonly busy?: string;
}): React.JSX.Element {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const run = async (): Promise<void> => {
    if (isBusy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await ask(call, undefined);
    } catch (error) {
      setProblem(toCallError(error).code === 'cancelled' ? t('trouble.nothingChanged') : failureText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button kind="strong" isPending={isBusy} onPress={() => void run()}>
        {isBusy ? busy : text}
      </Button>
      {problem === undefined ? null : <Problem text={problem} />}
    </>
  );
}
