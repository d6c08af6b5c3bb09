/** Why signing in failed, in a sentence that says what to do, with the server's own words beside it. */
import { Notice } from '../../../ui/notice.tsx';
import { t } from '../../i18n/text.ts';
import { Foreign } from '../../lib/foreign.tsx';
import { loginTrouble } from '../../store/login-trouble.ts';
import { useSignIn } from '../../store/sign-in.ts';
import { useSnapshot } from '../../store/store.ts';

export function LoginProblem(): React.JSX.Element | null {
  const problem = useSignIn(({ problem }) => problem);
  const startedMs = useSignIn(({ startedMs }) => startedMs);
  const loginError = useSnapshot(({ loginError }) => loginError ?? '');
  if (problem !== undefined)
    return (
      <div role="alert">
        <Notice tone="bad">{problem}</Notice>
      </div>
    );
  // Of the attempt before this one.
  if (loginError === '' || startedMs !== undefined) return null;
  return (
    <div role="alert">
      <Notice tone="bad">
        <p>{t(`signin.trouble.${loginTrouble(loginError)}`)}</p>
        <p className="soft">
          {t('signin.trouble.said')} <Foreign text={loginError} max={300} />
        </p>
      </Notice>
    </div>
  );
}
