/** Which servers answer for names on this device, and a box to ask for one. */
import { useState } from 'react';
import type { ResultOf } from '#shared/bridge/contract.ts';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { TextField } from '../../../ui/field.tsx';
import { ErrorState, Notice, Problem, Skeleton } from '../../../ui/notice.tsx';
import { Card, Fact, Facts } from '../../../ui/page.tsx';
import { formatMs } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { Table } from '../../lib/table-twin.tsx';
import { useAsked } from '../../lib/use-asked.ts';
import { ask, failureText } from '../../store/act.ts';
import { useMayManage, useSnapshot } from '../../store/store.ts';
import { TabTools, tableText } from './tab-tools.tsx';

export function Dns(): React.JSX.Element {
  const { answer, again } = useAsked('dns.status', undefined);
  const mayManage = useMayManage();
  return (
    <div className="diagnostics-tab">
      {answer.kind === 'waiting' ? <Skeleton rows={4} /> : null}
      {answer.kind === 'failed' ? (
        <ErrorState title={t('dns.failed')} problem={answer.problem} onRetry={again} />
      ) : null}
      {answer.kind === 'ready' ? <Status status={answer.value} /> : null}
      {mayManage ? <Query /> : null}
    </div>
  );
}

function Status({ status }: { readonly status: ResultOf<'dns.status'> }): React.JSX.Element {
  const isOff = useSnapshot(({ settings }) => settings?.acceptDns === false);
  return (
    <>
      <Card
        title={t('dns.system')}
        about={t('dns.systemAbout')}
        actions={<TabTools textOf={() => statusText(status)} />}
      >
        <Facts>
          <Fact name={t('dns.servers')}>
            <Texts all={status.nameservers} />
          </Fact>
          <Fact name={t('dns.search')}>
            <Texts all={status.searchDomains} />
          </Fact>
          {status.matchDomains.length === 0 ? null : (
            <Fact name={t('dns.match')}>
              <Texts all={status.matchDomains} />
            </Fact>
          )}
        </Facts>
      </Card>
      <Card title={t('dns.network')} about={t('dns.networkAbout')}>
        {isOff ? <Notice>{t('dns.off')}</Notice> : null}
        <Facts>
          <Fact name={t('dns.resolvers')}>
            <Texts all={status.resolvers} />
          </Fact>
        </Facts>
        {status.routes.length === 0 ? (
          <p className="soft">{t('dns.noRoutes')}</p>
        ) : (
          <Table
            caption={t('dns.routes')}
            columns={[t('dns.suffix'), t('dns.answeredBy')]}
            rows={routeRows(status)}
          />
        )}
      </Card>
    </>
  );
}

const statusText = (status: ResultOf<'dns.status'>): string =>
  [
    `${t('dns.servers')}: ${listText(status.nameservers)}`,
    `${t('dns.search')}: ${listText(status.searchDomains)}`,
    `${t('dns.match')}: ${listText(status.matchDomains)}`,
    `${t('dns.resolvers')}: ${listText(status.resolvers)}`,
    '',
    tableText(t('dns.routes'), [t('dns.suffix'), t('dns.answeredBy')], routeRows(status)),
  ].join('\n');

const listText = (all: readonly string[]): string => all.map((one) => cut(one, 120)).join(', ') || '—';

const routeRows = ({ routes }: ResultOf<'dns.status'>): readonly (readonly string[])[] =>
  routes.map(({ suffix, resolvers }) => [
    cut(suffix, 120),
    resolvers.map((one) => cut(one, 80)).join(', ') || t('dns.byRhumb'),
  ]);

function Texts({ all }: { readonly all: readonly string[] }): React.JSX.Element {
  if (all.length === 0) return <span className="soft">{t('netcheck.none')}</span>;
  return (
    <ul className="plain-list mono">
      {all.map((one) => (
        <li key={one}>{cut(one, 120)}</li>
      ))}
    </ul>
  );
}

const TYPES = ['A', 'AAAA', 'CNAME', 'TXT', 'MX', 'NS', 'SRV', 'PTR'] as const;

function Query(): React.JSX.Element {
  const [name, setName] = useState('');
  const [type, setType] = useState<(typeof TYPES)[number]>('A');
  const [found, setFound] = useState<ResultOf<'dns.query'>>();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const query = async (): Promise<void> => {
    if (isBusy || name.trim() === '') return;
    setBusy(true);
    setProblem(undefined);
    try {
      setFound(await ask('dns.query', { name: name.trim(), type }));
    } catch (error) {
      setFound(undefined);
      setProblem(failureText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={t('dns.query')} about={t('dns.queryAbout')}>
      <form
        className="dns-form"
        onSubmit={(event) => {
          event.preventDefault();
          void query();
        }}
      >
        <TextField label={t('dns.name')} value={name} onChange={setName} isMono maxLength={253} />
        <Select
          label={t('dns.type')}
          value={type}
          onChange={setType}
          options={TYPES.map((id) => ({ id, text: id }))}
        />
        <Button type="submit" isPending={isBusy} isDisabled={name.trim() === ''}>
          {t('dns.ask')}
        </Button>
      </form>
      <div aria-live="polite">
        {problem === undefined ? null : <Problem text={problem} />}
        {found === undefined ? null : <Answer found={found} />}
      </div>
    </Card>
  );
}

function Answer({ found }: { readonly found: ResultOf<'dns.query'> }): React.JSX.Element {
  return (
    <Facts>
      <Fact name={t('dns.code')}>
        <Foreign text={found.code} max={60} /> <span className="soft numbers">({formatMs(found.ms)})</span>
      </Fact>
      <Fact name={t('dns.answers')}>
        <Texts all={found.answers} />
      </Fact>
      <Fact name={t('dns.answeredBy')}>
        <Texts all={found.resolvers} />
      </Fact>
    </Facts>
  );
}
