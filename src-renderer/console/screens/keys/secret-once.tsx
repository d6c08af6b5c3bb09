/** A secret that was just made: shown now and never again. */
import { Button } from '../../../ui/button.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../../ui/dialog.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { t } from '../../../ui/text.ts';

export function SecretOnce({
  title,
  secrets,
  onClose,
}: {
  readonly title: string;
  readonly secrets: readonly { readonly name: string; readonly text: string }[];
  readonly onClose: () => void;
}): React.JSX.Element {
  return (
    <Dialog title={title} onClose={onClose} isSticky>
      <DialogBody>
        <Notice tone="warn">{t('It is shown once. Store it where only the program can read it.')}</Notice>
        {secrets.map(({ name, text }) => (
          <div key={name} className="field">
            <div className="field-label">{name}</div>
            <CopyField text={text} label={t('Copy {what}', { what: name })} isBlock />
          </div>
        ))}
      </DialogBody>
      <DialogFoot>
        <Button kind="strong" onPress={onClose}>
          {t('Done')}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}
