/** What can be changed while the server runs; the rest is in its configuration file. */
import { useState } from 'react';
import type { ConsoleCalls } from '#shared/console/calls.ts';
import type { Settings } from '#shared/console/shapes.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Card, Fact, Facts, Page } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { Switch } from '../../../ui/toggle.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useMay, useSession } from '../../app/session.ts';

type Change = ConsoleCalls['settings.set']['arg'];

const change = (change: Change): void =>
  void act(t('The settings are changed'), () => call('settings.set', change));

export function SettingsScreen(): React.JSX.Element {
  const query = useQuery('settings.get', {});
  const { server } = useSession();
  return (
    <Page title={t('Settings')}>
      <Loaded query={query} what={t('the settings')}>
        {(settings) => (
          <>
            <Approval settings={settings} />
            <Lifetime key={settings.devices_key_duration_days} settings={settings} />
            <PolicyKeeping key={settings.policy_link} settings={settings} />
          </>
        )}
      </Loaded>
      <Card title={t('This server')}>
        <Facts>
          <Fact name={t('Address')}>
            <CopyField text={server.url} label={t('Copy the server’s address')} />
          </Fact>
          <Fact name={t('Domain')}>{server.baseDomain}</Fact>
          <Fact name={t('Version')}>{server.version}</Fact>
        </Facts>
      </Card>
    </Page>
  );
}

interface Part {
  readonly settings: Settings;
}

function Approval({ settings }: Part): React.JSX.Element {
  const isFixed = !useMay()('settings.set');
  return (
    <Card title={t('Who gets in')}>
      <Switch
        isSelected={settings.devices_approval}
        isDisabled={isFixed}
        onChange={(devicesApproval) => change({ devicesApproval })}
        note={t('A new machine reaches nobody until an administrator says yes.')}
      >
        {t('Approve new machines')}
      </Switch>
      <Switch
        isSelected={settings.users_approval}
        isDisabled={isFixed}
        onChange={(usersApproval) => change({ usersApproval })}
        note={t('Somebody who signs in for the first time waits for an administrator.')}
      >
        {t('Approve new users')}
      </Switch>
    </Card>
  );
}

function Lifetime({ settings }: Part): React.JSX.Element {
  const isFixed = !useMay()('settings.set');
  const before = settings.devices_key_duration_days;
  const [days, setDays] = useState(before === null ? '' : String(before));
  const isNumber = /^\d{0,4}$/.test(days) && Number(days) <= 3_650;
  return (
    <Card
      title={t('How long keys last')}
      about={t(
        'After that, somebody signs in on the machine again. Holds for machines that join from now on.',
      )}
    >
      <div className="beside-field">
        <TextField
          label={t('Days')}
          value={days}
          onChange={setDays}
          isDisabled={isFixed}
          problem={isNumber ? undefined : t('A number of days up to 3650')}
          help={t('Leave it empty for what the configuration file says; 0 means for ever.')}
        />
        <Button
          isDisabled={isFixed || !isNumber || days === (before === null ? '' : String(before))}
          onPress={() => change({ devicesKeyDurationDays: days === '' ? null : Number(days) })}
        >
          {t('Save')}
        </Button>
      </div>
    </Card>
  );
}

function PolicyKeeping({ settings }: Part): React.JSX.Element {
  const isFixed = !useMay()('settings.set');
  const [link, setLink] = useState(settings.policy_link);
  return (
    <Card title={t('Where the policy is kept')}>
      <Switch
        isSelected={settings.policy_managed_elsewhere}
        isDisabled={isFixed}
        onChange={(policyManagedElsewhere) => change({ policyManagedElsewhere })}
        note={t('The editor warns before it changes what a repository or a program looks after.')}
      >
        {t('The policy is managed elsewhere')}
      </Switch>
      <div className="beside-field">
        <TextField
          label={t('Link to where it is managed')}
          value={link}
          onChange={setLink}
          type="url"
          isDisabled={isFixed}
          placeholder="https://git.example.com/network/policy"
        />
        <Button
          isDisabled={isFixed || link === settings.policy_link}
          onPress={() => change({ policyLink: link })}
        >
          {t('Save')}
        </Button>
      </div>
    </Card>
  );
}
