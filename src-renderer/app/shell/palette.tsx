/** Everything by name: sections, devices, exit nodes, accounts, settings. */
import { useMemo, useState } from 'react';
import { Finder } from '../../ui/finder.tsx';
import { t } from '../i18n/text.ts';
import { Foreign } from '../lib/foreign.tsx';
import { useApp } from '../store/store.ts';
import { allCommands, found } from './commands.ts';

export function Palette({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const [words, setWords] = useState('');
  // As things were when it was opened: from a list that changes under the cursor one chooses by mistake.
  const [commands] = useState(() => allCommands(useApp.getState()));
  const matching = useMemo(() => found(commands, words), [commands, words]);
  return (
    <Finder
      label={t('palette.title')}
      placeholder={t('palette.placeholder')}
      listLabel={t('palette.found')}
      nothing={t('palette.nothing')}
      words={words}
      onWords={setWords}
      choices={matching}
      onChoose={({ run }) => run()}
      onClose={onClose}
      show={(text, max) => <Foreign text={text} max={max} />}
    />
  );
}
