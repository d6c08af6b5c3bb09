/** One field to go anywhere: sections, machines, users. The quickest way for who uses the keyboard. */
import { MonitorSmartphone, UserRound } from 'lucide-react';
import { useMemo, useState } from 'react';
import { type Choice, Finder } from '../../ui/finder.tsx';
import { t } from '../../ui/text.ts';
import { useQuery } from '../api/query.ts';
import { go } from './route.ts';
import { sectionsFor } from './sections.tsx';
import { useMay, useSession } from './session.ts';

interface Target extends Choice {
  readonly path: string;
}

const MOST = 12;

/** Sections first; then what begins with the words, then what holds them. */
function useTargets(words: string): readonly Target[] {
  const session = useSession();
  const may = useMay();
  const nodes = useQuery('nodes.list', may('nodes.list') ? {} : undefined);
  const users = useQuery('users.list', may('users.list') ? {} : undefined);
  return useMemo(() => {
    const wanted = words.trim().toLowerCase();
    const sections = sectionsFor(session).map(
      ({ id, title, icon, path }): Target => ({ id: `s-${id}`, text: title, note: t('Section'), icon, path }),
    );
    const machines = (nodes.data ?? []).map(
      (node): Target => ({
        ...{ id: `n-${node.id}`, text: node.name, note: node.ip_addresses[0] ?? '', icon: MonitorSmartphone },
        path: `/machines/${node.id}`,
      }),
    );
    const people = (users.data ?? []).map(
      (user): Target => ({
        ...{ id: `u-${user.id}`, text: user.name, note: user.display_name, icon: UserRound },
        path: `/users?q=${encodeURIComponent(user.name)}`,
      }),
    );
    const all = wanted === '' ? sections : [...sections, ...machines, ...people];
    const rank = ({ text, note }: Target): number => {
      if (text.toLowerCase().startsWith(wanted)) return 0;
      if (text.toLowerCase().includes(wanted)) return 1;
      return note.toLowerCase().includes(wanted) ? 2 : 3;
    };
    return all
      .map((target) => ({ target, rank: rank(target) }))
      .filter((one) => one.rank < 3)
      .sort((a, b) => a.rank - b.rank)
      .slice(0, MOST)
      .map(({ target }) => target);
  }, [words, session, nodes.data, users.data]);
}

export function Palette({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const [words, setWords] = useState('');
  const targets = useTargets(words);
  return (
    <Finder
      label={t('Go to')}
      placeholder={t('A section, a machine, a user')}
      listLabel={t('Found')}
      nothing={t('Nothing matches')}
      words={words}
      onWords={setWords}
      choices={targets}
      onChoose={({ path }) => go(path)}
      onClose={onClose}
    />
  );
}
