/** How a machine joins: a key for it, ready-made commands for each system, and a code for phones. */
import { useState } from 'react';
import type { AuthKey } from '#shared/console/shapes.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../../ui/dialog.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { Qr } from '../../../ui/qr.tsx';
import { Tabs } from '../../../ui/tabs.tsx';
import { t } from '../../../ui/text.ts';
import { useSession } from '../../app/session.ts';
import { KeyForm } from './key-form.tsx';
import './machines.css';

/** `isOwn`: for machines of the user who asks. */
export function AddMachine({
  onClose,
  isOwn = false,
}: {
  readonly onClose: () => void;
  readonly isOwn?: boolean;
}): React.JSX.Element {
  const [made, setMade] = useState<AuthKey>();
  const { server } = useSession();
  if (made === undefined) return <KeyForm isOwn={isOwn} onMade={setMade} onClose={onClose} />;
  return (
    <Dialog title={t('Let the machine join')} onClose={onClose} isSticky size="wide">
      <DialogBody>
        <Notice tone="warn">
          {t('The key is shown once. Whoever has it can let machines in: hand it on like a password.')}
        </Notice>
        <div className="key-once">
          <div className="stack">
            <CopyField text={made.key} label={t('Copy the key')} isBlock />
            <InstallCommands serverUrl={server.url} authKey={made.key} />
          </div>
          <Qr text={made.key} label={t('The key as a QR code, to scan with a phone')} />
        </div>
      </DialogBody>
      <DialogFoot>
        <Button kind="strong" onPress={onClose}>
          {t('Done')}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}

function InstallCommands({
  serverUrl,
  authKey,
}: {
  readonly serverUrl: string;
  readonly authKey: string;
}): React.JSX.Element {
  const [tab, setTab] = useState('rhumb');
  const flags = `--login-server=${serverUrl} --auth-key=${authKey}`;
  const command = (text: string, what: string): React.JSX.Element => (
    <CopyField text={text} label={t('Copy the command for {what}', { what })} isBlock />
  );
  return (
    <Tabs
      label={t('Commands')}
      value={tab}
      onChange={setTab}
      items={[
        {
          id: 'rhumb',
          title: 'Rhumb',
          content: (
            <>
              <p>{t('With Rhumb installed, on the machine:')}</p>
              {command(`sudo rhumb up ${flags}`, 'Rhumb')}
            </>
          ),
        },
        {
          id: 'official',
          title: t('Official client'),
          content: (
            <>
              <p>{t('With the official client, on Linux, macOS or Windows:')}</p>
              {command(`tailscale up ${flags}`, t('the official client'))}
            </>
          ),
        },
        {
          id: 'container',
          title: t('Container'),
          content: (
            <>
              <p>{t('In the environment of a container:')}</p>
              {command(`TS_AUTHKEY=${authKey} TS_EXTRA_ARGS=--login-server=${serverUrl}`, t('a container'))}
            </>
          ),
        },
        {
          id: 'phone',
          title: t('Phone'),
          content: (
            <ol className="stack">
              <li>{t('Install the official app and open its account menu.')}</li>
              <li>
                {t('Choose “Use an alternate server” and enter')}{' '}
                <CopyField text={serverUrl} label={t('Copy the server’s address')} />
              </li>
              <li>{t('Choose “Use an auth key” and scan the code, or sign in on the page that opens.')}</li>
            </ol>
          ),
        },
      ]}
    />
  );
}
