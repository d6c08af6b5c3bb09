/** All keys on one sheet. */
import { Dialog, DialogBody } from '../../ui/dialog.tsx';
import { Fact, Facts } from '../../ui/page.tsx';
import { t } from '../i18n/text.ts';
import { backKey, commandKey } from './platform.ts';

export function KeySheet({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const command = commandKey();
  const keys: readonly (readonly [string, string])[] = [
    [t('keys.palette'), `${command} K`],
    [t('keys.section'), `${command} 1 … 5`],
    [t('keys.toggle'), `${command} Shift D`],
    [t('keys.exit'), `${command} E`],
    [t('keys.settings'), `${command} ,`],
    [t('keys.search'), `${command} F, /`],
    [t('keys.back'), backKey()],
    [t('keys.move'), '↑ ↓ Home End'],
    [t('keys.open'), 'Enter, Space'],
    [t('keys.copy'), `${command} C`],
    [t('keys.actions'), 'Shift F10'],
    [t('keys.panes'), 'F6, Shift F6'],
    [t('keys.close'), 'Esc'],
    [t('keys.sheet'), '?'],
  ];
  return (
    <Dialog title={t('keys.title')} onClose={onClose} size="small">
      <DialogBody>
        <Facts>
          {keys.map(([what, key]) => (
            <Fact key={what} name={what}>
              <kbd>{key}</kbd>
            </Fact>
          ))}
        </Facts>
      </DialogBody>
    </Dialog>
  );
}
