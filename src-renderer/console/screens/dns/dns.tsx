/** Names: which servers machines ask, which names this network has itself. */

import type { ConsoleCalls } from '#shared/console/calls.ts';
import type { DnsSettings } from '#shared/console/shapes.ts';
import { Badge } from '../../../ui/badge.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { Card, Fact, Facts, Page } from '../../../ui/page.tsx';
import { TagInput } from '../../../ui/tag-input.tsx';
import { t } from '../../../ui/text.ts';
import { Switch } from '../../../ui/toggle.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useMay } from '../../app/session.ts';
import { domainProblem } from './domain.ts';
import { Nameservers } from './nameservers.tsx';
import { Records } from './records.tsx';
import { SplitDns } from './split-dns.tsx';

type Change = ConsoleCalls['dns.set']['arg'];

export function DnsScreen(): React.JSX.Element {
  const query = useQuery('dns.get', {});
  return (
    <Page title={t('DNS')} about={t('What every machine is told about names. Changes reach them at once.')}>
      <Loaded query={query} what={t('the DNS settings')}>
        {(settings) => <Shown settings={settings} />}
      </Loaded>
    </Page>
  );
}

function Shown({ settings }: { readonly settings: DnsSettings }): React.JSX.Element {
  const may = useMay();
  const canChange = may('dns.set');
  const change = (change: Change): void => void act(t('DNS is changed'), () => call('dns.set', change));
  return (
    <>
      {settings.warnings.map((warning) => (
        <Notice key={warning} tone="warn">
          {warning}
        </Notice>
      ))}
      <div className="columns">
        <Card title={t('This network')}>
          <Facts>
            <Fact name={t('Domain')}>
              <CopyField text={settings.base_domain} label={t('Copy the domain')} />
            </Fact>
            {settings.responder === null ? null : (
              <Fact name={t('Answered at')}>
                <code>{settings.responder}</code>
              </Fact>
            )}
          </Facts>
          <Switch
            isSelected={settings.magic_dns}
            isDisabled={!canChange}
            onChange={(magicDns) => change({ magicDns })}
            note={t('Machines find each other by name, without a server in between.')}
          >
            MagicDNS
          </Switch>
          <Switch
            isSelected={settings.override_local_dns}
            isDisabled={!canChange}
            onChange={(overrideLocalDns) => change({ overrideLocalDns })}
            note={t('Machines ask only the nameservers given here, never those of the place where they are.')}
          >
            {t('Override local DNS')}
          </Switch>
          {settings.https_possible ? (
            <Switch
              isSelected={settings.https}
              isDisabled={!canChange}
              onChange={(https) => change({ https })}
              note={t('Machines may ask for certificates of their names.')}
            >
              {t('HTTPS certificates')}
            </Switch>
          ) : null}
          {settings.changed.length === 0 ? null : (
            <p className="soft dns-changed">
              {t('Set here, not in the configuration file:')}{' '}
              {settings.changed.map((name) => (
                <Badge key={name}>{name.replaceAll('_', ' ').replace(/\bdns\b/, 'DNS')}</Badge>
              ))}
            </p>
          )}
        </Card>
        <Nameservers servers={settings.nameservers} canChange={canChange} onChange={change} />
      </div>
      <div className="columns">
        <SplitDns split={settings.split_dns} canChange={canChange} onChange={change} />
        <Card
          title={t('Search domains')}
          about={t('Tried after a short name, so that “wiki” can mean wiki.example.com.')}
        >
          {canChange ? (
            <TagInput
              label={t('Domains')}
              value={settings.search_domains}
              onChange={(searchDomains) => change({ searchDomains: [...searchDomains] })}
              problemOf={domainProblem}
              placeholder="example.com"
            />
          ) : (
            <p>{settings.search_domains.join(', ') || t('None')}</p>
          )}
        </Card>
      </div>
      <Records />
    </>
  );
}
