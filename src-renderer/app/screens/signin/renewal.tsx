/** Signing in again while still connected: the page that waits, wherever it was asked for. */
import { Button } from '../../../ui/button.tsx';
import { copyText } from '../../../ui/copy.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { t } from '../../i18n/text.ts';
import { Foreign } from '../../lib/foreign.tsx';
import { isOnIn } from '../../store/connection.ts';
import { openSignInPage, useSignIn } from '../../store/sign-in.ts';
import { uiOf, useApp, useSnapshot } from '../../store/store.ts';

/** Whether there is something to say. */
export function useRenewal(): boolean {
  const isOn = useApp((state) => isOnIn(uiOf(state)));
  const isWaiting = useSnapshot(({ authUrl }) => authUrl !== '');
  const hasFailed = useSignIn(({ problem }) => problem !== undefined);
  return isOn && (isWaiting || hasFailed);
}

export function RenewalNotice(): React.JSX.Element {
  const url = useSnapshot(({ authUrl }) => authUrl);
  const problem = useSignIn(({ problem }) => problem);
  if (url === '') return <Notice tone="bad">{problem}</Notice>;
  return (
    <Notice
      action={
        <span className="alert-actions">
          <Button size="small" kind="strong" onPress={() => void openSignInPage()}>
            {t('signin.waiting.open')}
          </Button>
          <Button size="small" onPress={() => void copyText(url)}>
            {t('signin.waiting.copy')}
          </Button>
        </span>
      }
    >
      {t('signin.renewal')}{' '}
      <strong>
        <Foreign text={URL.parse(url)?.host ?? url} max={80} />
      </strong>
    </Notice>
  );
}
