/** The device's key is over: one button brings it back. */
import { useEffect } from 'react';
import { Button } from '../../../ui/button.tsx';
import { Problem } from '../../../ui/notice.tsx';
import { Moment } from '../../../ui/time.tsx';
import { t } from '../../i18n/text.ts';
import { forgetSignIn, signInAgain, useSignIn } from '../../store/sign-in.ts';
import { useMayManage, useSnapshot } from '../../store/store.ts';
import { WaitingBrowser } from './waiting.tsx';
import './sign-in.css';

export function Expired(): React.JSX.Element {
  const expiryMs = useSnapshot(({ self }) => self?.keyExpiryMs);
  const isWaiting = useSnapshot(({ authUrl }) => authUrl !== '');
  const startedMs = useSignIn(({ startedMs }) => startedMs);
  const problem = useSignIn(({ problem }) => problem);
  const mayManage = useMayManage();
  useEffect(() => forgetSignIn, []);
  // The state stays "expired" while the page is there: the key is, until somebody signed in.
  if (isWaiting) return <WaitingBrowser />;
  return (
    <div className="signin">
      <p className="signin-text">
        {t('signin.expired.text')}{' '}
        {expiryMs === undefined ? null : (
          <span className="soft">
            {t('signin.expired.at')} <Moment atMs={expiryMs} />.
          </span>
        )}
      </p>
      {problem === undefined ? null : <Problem text={problem} />}
      <div className="signin-start">
        <Button
          kind="strong"
          isPending={startedMs !== undefined}
          isDisabled={!mayManage}
          onPress={() => void signInAgain()}
        >
          {t('signin.expired.button')}
        </Button>
        <span className="soft" role="status">
          {startedMs === undefined ? '' : t('signin.starting')}
        </span>
      </div>
    </div>
  );
}
