/** All keys on one sheet, from the table by which they work. */
import { Dialog, DialogBody } from '../../ui/dialog.tsx';
import { Fact, Facts } from '../../ui/page.tsx';
import { t } from '../i18n/text.ts';
import { chordsOf, type KeyId, LIST_KEYS, SHELL_KEYS } from './keymap.ts';
import { chordText, keyboard } from './platform.ts';

const ALL: readonly KeyId[] = [...SHELL_KEYS, ...LIST_KEYS];

export function KeySheet({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  return (
    <Dialog title={t('keys.title')} onClose={onClose} size="small">
      <DialogBody isText>
        <Facts>
          {ALL.map((id) => (
            <Fact key={id} name={t(`keys.${id}`)}>
              <span className="keys">
                {chordTexts(id).map((text) => (
                  <kbd key={text}>{text}</kbd>
                ))}
              </span>
            </Fact>
          ))}
        </Facts>
      </DialogBody>
    </Dialog>
  );
}

/** The sections are one after the other: the first and the last say it. */
function chordTexts(id: KeyId): readonly string[] {
  const chords = chordsOf(id, keyboard());
  const texts = chords.map(chordText);
  return id === 'section' ? [`${texts.at(0) ?? ''} … ${chords.at(-1)?.key ?? ''}`] : texts;
}
