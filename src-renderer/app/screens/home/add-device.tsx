/** How another device comes into the network, for each system; with the server's address where it has to be typed. */
import { useState } from 'react';
import { CopyField } from '../../../ui/copy.tsx';
import { Dialog, DialogBody } from '../../../ui/dialog.tsx';
import { Qr } from '../../../ui/qr.tsx';
import { Tabs } from '../../../ui/tabs.tsx';
import { type Key, t } from '../../i18n/text.ts';
import { serverHost } from '../../store/accounts.ts';
import { useSnapshot } from '../../store/store.ts';

const SYSTEMS = ['linux', 'windows', 'macos', 'android', 'ios'] as const;
type System = (typeof SYSTEMS)[number];

const NAMES: Readonly<Record<System, string>> = {
  linux: 'Linux',
  windows: 'Windows',
  macos: 'macOS',
  android: 'Android',
  ios: 'iPhone, iPad',
};
const FIRST: Readonly<Record<System, Key>> = {
  linux: 'add.install.linux',
  windows: 'add.install.app',
  macos: 'add.install.app',
  android: 'add.install.phone',
  ios: 'add.install.phone',
};
/** A longer one would be no address of a server. */
const LONGEST_QR = 300;

export function AddDevice({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const [system, setSystem] = useState<string>('linux');
  const server = useSnapshot(({ settings }) => settings?.server ?? '');
  const isOwn = serverHost(server) !== '';
  return (
    <Dialog title={t('add.title')} onClose={onClose}>
      <DialogBody>
        <Tabs
          label={t('add.systems')}
          value={system}
          onChange={setSystem}
          items={SYSTEMS.map((id) => ({
            id,
            title: NAMES[id],
            content: <Steps system={id} isOwn={isOwn} />,
          }))}
        />
        {isOwn ? <Server url={server} /> : null}
        <p className="soft">{t('add.others')}</p>
      </DialogBody>
    </Dialog>
  );
}

const Steps = ({
  system,
  isOwn,
}: {
  readonly system: System;
  readonly isOwn: boolean;
}): React.JSX.Element => (
  <ol className="steps">
    <li>{t(FIRST[system])}</li>
    {isOwn ? (
      <li>{t(FIRST[system] === 'add.install.phone' ? 'add.server.phone' : 'add.server.app')}</li>
    ) : null}
    <li>{t('add.signIn')}</li>
  </ol>
);

function Server({ url }: { readonly url: string }): React.JSX.Element {
  return (
    <div className="signin-qr">
      {url.length > LONGEST_QR ? null : <Qr text={url} label={t('add.qr')} />}
      <div>
        <p className="soft">{t('add.address')}</p>
        <CopyField text={url} label={t('add.copyAddress')} />
      </div>
    </div>
  );
}
