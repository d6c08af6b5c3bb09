/** When there is no daemon to show: why, and what brings it back (desktop.md §5.1). */
import { type ReactNode, useState } from 'react';
import type { CallName } from '#shared/bridge/contract.ts';
import type { UiState } from '#shared/ui-state/derive.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyField, copyText } from '../../../ui/copy.tsx';
import { Problem } from '../../../ui/notice.tsx';
import { Fact, Facts } from '../../../ui/page.tsx';
import { isDeclined, toCallError } from '../../bridge/failure.ts';
import { type Key, t } from '../../i18n/text.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { isOutOfReach } from '../../shell/heading.ts';
import { ask, failureText, openPage } from '../../store/act.ts';
import { useApp, useCan, useSnapshot } from '../../store/store.ts';
import { versionGap } from '../home/alerts.ts';
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
          byHand={commands?.start}
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
  // Whichever is older runs on from before an update; where nobody can tell, the service is what can be started anew.
  const isAppOld = versionGap(app, daemon) === 'older-app';
  return (
    <>
      <p>
        {t('trouble.version-mismatch.text')} {isAppOld ? t('trouble.version-mismatch.reopen') : null}
      </p>
      <Facts>
        <Fact name={t('trouble.version-mismatch.app')}>{app}</Fact>
        <Fact name={t('trouble.version-mismatch.service')}>
          <Foreign text={daemon} max={60} />
        </Fact>
      </Facts>
      <div className="row">
        {canService && !isAppOld ? (
          <Do call="service.restart" text={t('trouble.version-mismatch.restart')} />
        ) : null}
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

type Verb = Extract<CallName, 'service.install' | 'service.start' | 'service.restart' | 'update.install'>;

type Outcome =
  | { readonly kind: 'none' }
  | { readonly kind: 'busy' }
  /** Somebody said no, and nothing is different now. */
  | { readonly kind: 'declined' }
  | { readonly kind: 'failed'; readonly why: string; readonly details: string };

/** Does it, says so while it does, and what came of it; people may say no to the password. */
function Do({
  call,
  text,
  busy = text,
  byHand,
}: {
  readonly call: Verb;
  readonly text: string;
  readonly busy?: string;
  /** The command that does the same, for when this does not. */
  readonly byHand?: string | undefined;
}): React.JSX.Element {
  const [outcome, setOutcome] = useState<Outcome>({ kind: 'none' });
  const isBusy = outcome.kind === 'busy';
  const run = async (): Promise<void> => {
    if (isBusy) return;
    setOutcome({ kind: 'busy' });
    try {
      await ask(call, undefined);
      setOutcome({ kind: 'none' });
    } catch (error) {
      setOutcome(outcomeOf(error, call));
    }
  };
  return (
    <>
      <Button kind="strong" isPending={isBusy} onPress={() => void run()}>
        {isBusy ? busy : text}
      </Button>
      {isBusy || outcome.kind === 'declined' ? (
        <p role="status" className="soft">
          {isBusy ? t('trouble.password') : t('trouble.nothingChanged')}
        </p>
      ) : null}
      {outcome.kind === 'failed' ? <Failed outcome={outcome} byHand={byHand} /> : null}
    </>
  );
}

function outcomeOf(error: unknown, call: Verb): Outcome {
  if (isDeclined(error)) return { kind: 'declined' };
  const { code, message } = toCallError(error);
  // What the system wants of the person is in its words alone.
  const why = code === 'not-allowed' ? t('trouble.wanted', { why: cut(message, 300) }) : failureText(error);
  return { kind: 'failed', why, details: `${call}: ${code}\n${cut(message, 4_000)}` };
}

function Failed({
  outcome: { why, details },
  byHand,
}: {
  readonly outcome: Extract<Outcome, { readonly kind: 'failed' }>;
  readonly byHand: string | undefined;
}): React.JSX.Element {
  return (
    <div className="trouble-failed">
      <Problem text={why} />
      <div className="row">
        <Button size="small" onPress={() => void copyText(details)}>
          {t('common.copyDetails')}
        </Button>
      </div>
      {byHand === undefined ? null : (
        <div className="stack">
          <p className="soft">{t('trouble.byHand')}</p>
          <CopyField isBlock text={byHand} label={t('trouble.copyCommand')} />
        </div>
      )}
    </div>
  );
}
