/** The question before disconnecting, for those who want to be asked. */
import { useEffect, useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/dialog.tsx';
import { t } from '../i18n/text.ts';
import { askBeforeOff } from '../store/connection.ts';

export function ConfirmOff(): React.JSX.Element | null {
  const [answer, setAnswer] = useState<(isYes: boolean) => void>();
  useEffect(() => {
    askBeforeOff(
      () =>
        new Promise((resolve) => {
          setAnswer(() => resolve);
        }),
    );
    return () => askBeforeOff(undefined);
  }, []);
  if (answer === undefined) return null;
  const close = (isYes: boolean): void => {
    answer(isYes);
    setAnswer(undefined);
  };
  return (
    <Dialog title={t('confirmOff.title')} size="small" onClose={() => close(false)}>
      <DialogBody>
        <p>{t('confirmOff.text')}</p>
      </DialogBody>
      <DialogFoot>
        <Button autoFocus onPress={() => close(false)}>
          {t('confirmOff.stay')}
        </Button>
        <Button kind="danger" onPress={() => close(true)}>
          {t('confirmOff.disconnect')}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}
