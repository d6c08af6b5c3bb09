/** Before a policy comes into force: what it changes for whom, what to be sure of, and what to do when somebody was faster. */
import { useEffect, useState } from 'react';
import type { PolicyCurrent, PolicyDiff, PolicyJudgement } from '#shared/console/shapes.ts';
import { Button } from '../../../ui/button.tsx';
import { CodeEditor } from '../../../ui/code/code-editor.tsx';
import { Dialog, DialogBody, DialogFoot, FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { plural, t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { Checkbox } from '../../../ui/toggle.tsx';
import { CallError, call } from '../../api/client.ts';
import { invalidate } from '../../api/query.ts';
import type { Draft } from './draft.ts';

export interface SaveDialogProps {
  readonly draft: Draft;
  readonly current: PolicyCurrent;
  readonly onClose: () => void;
  readonly onSaved: () => void;
  /** The draft is to replace the version of this mark as well. */
  readonly onRebase: (etag: string) => void;
  readonly onDiscard: () => void;
}

export function SaveDialog(props: SaveDialogProps): React.JSX.Element {
  const { draft, current, onClose, onSaved } = props;
  const [comment, setComment] = useState('');
  const [concerns, setConcerns] = useState<readonly string[]>([]);
  const [isSure, setSure] = useState(false);
  const [isConflict, setConflict] = useState(draft.etag !== current.etag);
  const diff = useReachDiff(draft.text);
  if (isConflict) return <ConflictDialog {...props} onResolved={() => setConflict(false)} />;
  const save = async (): Promise<void> => {
    try {
      const outcome = await call('policy.set', {
        text: draft.text,
        ifMatch: draft.etag,
        comment,
        confirm: isSure,
      });
      if (outcome.version === null) return refuse(outcome);
      invalidate(['policy']);
      tellDone(t('Version {id} is in force', { id: outcome.version.id }));
      onSaved();
    } catch (error) {
      if (!(error instanceof CallError) || error.code !== 'conflict') throw error;
      invalidate(['policy']);
      setConflict(true);
    }
  };
  const refuse = ({ errors, concerns }: PolicyJudgement): void => {
    const [first] = errors;
    if (first !== undefined)
      throw new Error(t('Line {line}: {message}', { line: first.line, message: first.message }));
    setConcerns(concerns);
  };
  return (
    <FormDialog
      title={t('Put this policy into force')}
      submit={concerns.length > 0 ? t('Save anyway') : t('Save')}
      canSubmit={concerns.length === 0 || isSure}
      onClose={onClose}
      onSubmit={save}
    >
      <Reach diff={diff} />
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
      <TextField
        label={t('What changes, and why')}
        value={comment}
        onChange={setComment}
        autoFocus
        maxLength={512}
        help={t('Shown in the history and the audit log.')}
      />
    </FormDialog>
  );
}

function useReachDiff(text: string): PolicyDiff | undefined {
  const [diff, setDiff] = useState<PolicyDiff>();
  useEffect(() => {
    let isOld = false;
    call('policy.diff', { text }).then(
      (found) => {
        if (!isOld) setDiff(found);
      },
      // Saving says what is wrong.
      () => undefined,
    );
    return () => {
      isOld = true;
    };
  }, [text]);
  return diff;
}

const MOST = 8;

function Reach({ diff }: { readonly diff: PolicyDiff | undefined }): React.JSX.Element {
  if (diff === undefined) return <p className="soft">{t('Working out what it changes…')}</p>;
  const { gained, lost } = diff;
  if (gained === null || lost === null)
    return <p className="soft">{t('The network is too large to list what changes for whom.')}</p>;
  if (gained.length === 0 && lost.length === 0)
    return <p className="soft">{t('Nobody gains or loses a machine by it.')}</p>;
  return (
    <div className="columns">
      <Pairs
        title={plural(
          gained.length,
          '{count} new connection is possible',
          '{count} new connections are possible',
        )}
        pairs={gained}
      />
      <Pairs title={plural(lost.length, '{count} connection ends', '{count} connections end')} pairs={lost} />
    </div>
  );
}

function Pairs({
  title,
  pairs,
}: {
  readonly title: string;
  readonly pairs: readonly string[];
}): React.JSX.Element | null {
  if (pairs.length === 0) return null;
  return (
    <div>
      <h3>{title}</h3>
      <ul className="mono pairs">
        {pairs.slice(0, MOST).map((pair) => (
          <li key={pair}>{pair.replace('->', '→')}</li>
        ))}
        {pairs.length > MOST ? <li>{t('and {count} more', { count: pairs.length - MOST })}</li> : null}
      </ul>
    </div>
  );
}

function ConflictDialog({
  draft,
  current,
  onClose,
  onRebase,
  onDiscard,
  onResolved,
}: SaveDialogProps & { readonly onResolved: () => void }): React.JSX.Element {
  return (
    <Dialog title={t('Somebody else was faster')} onClose={onClose} size="wide" isSticky>
      <DialogBody>
        <Notice tone="warn">
          {t('{author} saved version {id} after you began. Yours, with what differs from it marked:', {
            author: current.version?.author ?? '',
            id: current.version?.id ?? '',
          })}
        </Notice>
        <div className="conflict">
          <CodeEditor
            label={t('Your text compared with theirs')}
            value={draft.text}
            original={current.text}
          />
        </div>
      </DialogBody>
      <DialogFoot>
        <Button onPress={onClose}>{t('Go on writing')}</Button>
        <Button kind="danger" onPress={onDiscard}>
          {t('Take theirs, drop mine')}
        </Button>
        <Button
          kind="strong"
          onPress={() => {
            onRebase(current.etag);
            onResolved();
          }}
        >
          {t('Replace theirs by mine…')}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}
