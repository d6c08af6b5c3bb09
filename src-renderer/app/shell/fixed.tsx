/** What an organisation has settled on this machine: shown with a lock and said so, never offered for changing. */
import { Lock } from 'lucide-react';
import type { Policy, Settings } from '#shared/ui-state/types.ts';
import { t } from '../i18n/text.ts';
import { cut } from '../lib/foreign.tsx';
import { useSnapshot } from '../store/store.ts';

export const useIsFixed = (name: keyof Settings): boolean =>
  useSnapshot(({ policy }) => policy.fixed.includes(name));

const wordsOf = ({ organisation }: Policy): string =>
  organisation === '' ? t('fixed.text') : t('fixed.by', { organisation: cut(organisation, 60) });

/** Beside or under the control; its id is what the control is described by. */
export function Fixed({ id }: { readonly id?: string }): React.JSX.Element {
  const policy = useSnapshot((snapshot) => snapshot.policy);
  return (
    <span id={id} className="fixed">
      <Lock aria-hidden="true" />
      {wordsOf(policy)}
    </span>
  );
}
