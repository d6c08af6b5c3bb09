/** When the app was replaced on disk by a newer one: brings that one up. Nothing where starting anew would change nothing. */
import { Button } from '../../../ui/button.tsx';
import { t } from '../../i18n/text.ts';
import { useAsked } from '../../lib/use-asked.ts';
import { act } from '../../store/act.ts';

export function RestartApp({ isSmall = false }: { readonly isSmall?: boolean }): React.JSX.Element | null {
  const { answer } = useAsked('service.status', undefined);
  if (answer.kind !== 'ready' || !answer.value.isAppReplaced) return null;
  return (
    <Button
      kind={isSmall ? 'plain' : 'strong'}
      size={isSmall ? 'small' : 'normal'}
      onPress={() => void act('app.relaunch', undefined)}
    >
      {t('trouble.version-mismatch.restartApp')}
    </Button>
  );
}
