/** Every version that was in force: what it changed, by whom and why; and the way back. */
import { History as HistoryIcon, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import type { PolicyCurrent, PolicyVersion } from '#shared/console/shapes.ts';
import { Badge } from '../../../ui/badge.tsx';
import { CodeEditor } from '../../../ui/code/code-editor.tsx';
import { Dialog, DialogBody, FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { type Column, Grid } from '../../../ui/grid.tsx';
import { EmptyState, Notice } from '../../../ui/notice.tsx';
import { t } from '../../../ui/text.ts';
import { When } from '../../../ui/time.tsx';
import { tellDone } from '../../../ui/toast.tsx';
import { Checkbox } from '../../../ui/toggle.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useMay } from '../../app/session.ts';

type Open = { readonly what: 'show' | 'rollback'; readonly version: PolicyVersion };

export function History({ current }: { readonly current: PolicyCurrent }): React.JSX.Element {
  const may = useMay();
  const query = useQuery('policy.history', {});
  const [open, setOpen] = useState<Open>();
  const close = (): void => setOpen(undefined);
  return (
    <>
      <Loaded query={query} what={t('the history')}>
        {(versions) => (
          <Grid
            label={t('Versions')}
            rows={versions}
            columns={columns}
            idOf={({ id }) => String(id)}
            nameOf={({ id, comment }) => t('version {id}, {comment}', { id, comment })}
            rowRem={3.5}
            onOpen={(version) => setOpen({ what: 'show', version })}
            actionsOf={(version) => [
              !version.active && may('policy.rollback') && current.mode === 'database'
                ? [
                    {
                      ...{ id: 'back', text: t('Back to this version…'), icon: RotateCcw },
                      run: () => setOpen({ what: 'rollback', version }),
                    },
                  ]
                : [],
            ]}
            empty={
              <EmptyState icon={HistoryIcon} title={t('No policy yet')}>
                {t('Until there is one, every machine reaches every other.')}
              </EmptyState>
            }
          />
        )}
      </Loaded>
      {open?.what === 'show' ? <Shown version={open.version} current={current} onClose={close} /> : null}
      {open?.what === 'rollback' ? (
        <Rollback version={open.version} current={current} onClose={close} />
      ) : null}
    </>
  );
}

const columns: readonly Column<PolicyVersion>[] = [
  {
    id: 'version',
    title: t('Version'),
    track: 'minmax(10rem, 2.4fr)',
    cell: ({ id, comment, active }) => (
      <div className="grid-two">
        <span>
          <strong>{t('Version {id}', { id })}</strong>{' '}
          {active ? <Badge tone="good">{t('in force')}</Badge> : null}
        </span>
        <span className="grid-note">{comment || t('without a comment')}</span>
      </div>
    ),
  },
  { id: 'author', title: t('By'), track: 'minmax(7rem, 1fr)', fromRem: 30, cell: ({ author }) => author },
  {
    id: 'when',
    title: t('When'),
    track: 'minmax(7rem, 0.8fr)',
    cell: ({ created_at }) => <When at={created_at} />,
  },
];

interface VersionProps {
  readonly version: PolicyVersion;
  readonly current: PolicyCurrent;
  readonly onClose: () => void;
}

function Shown({ version, current, onClose }: VersionProps): React.JSX.Element {
  const query = useQuery('policy.version', { version: version.id });
  return (
    <Dialog
      title={
        version.active
          ? t('Version {id}', { id: version.id })
          : t('Version {id}, compared with what is in force', { id: version.id })
      }
      onClose={onClose}
      size="wide"
    >
      <DialogBody>
        <Loaded query={query} what={t('the version')}>
          {({ text }) => (
            <div className="conflict">
              <CodeEditor
                label={t('Text of version {id}', { id: version.id })}
                value={text}
                {...(version.active ? {} : { original: current.text })}
              />
            </div>
          )}
        </Loaded>
      </DialogBody>
    </Dialog>
  );
}

function Rollback({ version, current, onClose }: VersionProps): React.JSX.Element {
  const [comment, setComment] = useState('');
  const [concerns, setConcerns] = useState<readonly string[]>([]);
  const [isSure, setSure] = useState(false);
  return (
    <FormDialog
      title={t('Back to version {id}', { id: version.id })}
      submit={t('Put it into force')}
      canSubmit={concerns.length === 0 || isSure}
      onClose={onClose}
      onSubmit={async () => {
        const outcome = await call('policy.rollback', {
          ...{ version: version.id, ifMatch: current.etag, confirm: isSure },
          ...(comment === '' ? {} : { comment }),
        });
        if (outcome.version === null) {
          const [first] = outcome.errors;
          if (first !== undefined) throw new Error(first.message);
          setConcerns(outcome.concerns);
          return;
        }
        tellDone(t('Version {id} is in force', { id: outcome.version.id }));
        onClose();
      }}
    >
      <p>{t('It becomes a new version with the old text; nothing is lost.')}</p>
      {concerns.map((concern) => (
        <Notice key={concern} tone="warn">
          {concern}
        </Notice>
      ))}
      {concerns.length === 0 ? null : (
        <Checkbox isSelected={isSure} onChange={setSure}>
          {t('I know, and want it so')}
        </Checkbox>
      )}
      <TextField label={t('Why')} value={comment} onChange={setComment} maxLength={512} autoFocus />
    </FormDialog>
  );
}
