/** Names that this network answers itself. */
import { BookA, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { DnsRecord } from '#shared/console/shapes.ts';
import { Badge } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { type Column, Grid } from '../../../ui/grid.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useMay } from '../../app/session.ts';

const TYPES = ['A', 'AAAA', 'CNAME', 'TXT', 'SRV'] as const;

export function Records(): React.JSX.Element {
  const may = useMay();
  const query = useQuery('dns.records.list', {});
  const [isAdding, setAdding] = useState(false);
  return (
    <Card
      title={t('Records')}
      about={t('Names of your own beside those of the machines.')}
      actions={
        may('dns.records.add') ? (
          <Button size="small" icon={Plus} onPress={() => setAdding(true)}>
            {t('Add record')}
          </Button>
        ) : undefined
      }
    >
      <Loaded query={query} what={t('the records')} rows={3}>
        {(records) => (
          <Grid
            label={t('Records')}
            rows={records}
            columns={columns}
            idOf={(record) => `${record.source} ${record.type} ${record.name} ${record.value}`}
            nameOf={(record) => `${record.name} ${record.type} ${record.value}`}
            actionsOf={({ id, name }) => [
              id !== null && may('dns.records.remove')
                ? [
                    {
                      ...{ id: 'remove', text: t('Remove'), icon: Trash2, isDanger: true },
                      run: () =>
                        void act(t('{name} is removed', { name }), () => call('dns.records.remove', { id })),
                    },
                  ]
                : [],
            ]}
            empty={<EmptyState icon={BookA} title={t('No records')} />}
          />
        )}
      </Loaded>
      {isAdding ? <RecordDialog onClose={() => setAdding(false)} /> : null}
    </Card>
  );
}

const columns: readonly Column<DnsRecord>[] = [
  {
    id: 'name',
    title: t('Name'),
    track: 'minmax(9rem, 2fr)',
    cell: ({ name }) => <span className="mono">{name}</span>,
  },
  { id: 'type', title: t('Type'), track: '5rem', cell: ({ type }) => type },
  {
    id: 'value',
    title: t('Value'),
    track: 'minmax(8rem, 2fr)',
    fromRem: 28,
    cell: ({ value }) => <span className="mono">{value}</span>,
  },
  {
    id: 'comment',
    title: t('Comment'),
    track: 'minmax(8rem, 1fr)',
    fromRem: 48,
    cell: ({ comment, source }) =>
      source === 'api' ? (
        <span className="soft">{comment}</span>
      ) : (
        <Badge>{source === 'file' ? t('from the records file') : t('from the configuration')}</Badge>
      ),
  },
];

function RecordDialog({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const [name, setName] = useState('');
  const [type, setType] = useState<(typeof TYPES)[number]>('A');
  const [value, setValue] = useState('');
  const [comment, setComment] = useState('');
  return (
    <FormDialog
      title={t('Add a record')}
      submit={t('Add')}
      size="small"
      canSubmit={name.trim() !== '' && value.trim() !== ''}
      onClose={onClose}
      onSubmit={async () => {
        const rest = comment === '' ? {} : { comment };
        await call('dns.records.add', { name: name.trim(), type, value: value.trim(), ...rest });
        tellDone(t('{name} is added', { name: name.trim() }));
        onClose();
      }}
    >
      <TextField
        label={t('Name')}
        value={name}
        onChange={setName}
        isMono
        autoFocus
        placeholder="grafana.example.com"
      />
      <Select
        label={t('Type')}
        value={type}
        onChange={setType}
        options={TYPES.map((id) => ({ id, text: id }))}
      />
      <TextField label={t('Value')} value={value} onChange={setValue} isMono placeholder="100.64.0.3" />
      <TextField label={t('Comment')} value={comment} onChange={setComment} maxLength={256} />
    </FormDialog>
  );
}
