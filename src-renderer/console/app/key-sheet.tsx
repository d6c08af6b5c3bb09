/** All keys on one sheet. */
import { Dialog, DialogBody } from '../../ui/dialog.tsx';
import { Fact, Facts } from '../../ui/page.tsx';
import { t } from '../../ui/text.ts';

export function KeySheet({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const keys: readonly (readonly [string, string])[] = [
    [t('Go to anything by name'), 'Ctrl K'],
    [t('Search this list'), '/'],
    [t('Move in a list'), '↑ ↓ Home End Page Up Page Down'],
    [t('Open'), 'Enter'],
    [t('Select, select a range'), 'Space, Shift Space'],
    [t('Select all'), 'Ctrl A'],
    [t('What a row holds, and back'), '→ ←'],
    [t('Actions of a row'), 'Shift F10'],
    [t('News at the edge'), 'F6'],
    [t('Close, clear'), 'Esc'],
    [t('This sheet'), '?'],
  ];
  return (
    <Dialog title={t('Keyboard shortcuts')} onClose={onClose} size="small">
      <DialogBody>
        <Facts>
          {keys.map(([what, key]) => (
            <Fact key={what} name={what}>
              {key}
            </Fact>
          ))}
        </Facts>
      </DialogBody>
    </Dialog>
  );
}
