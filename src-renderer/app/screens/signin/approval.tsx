/** Signed in, and an admin has yet to allow this device. */
import { Copy, ExternalLink } from 'lucide-react';
import { Button } from '../../../ui/button.tsx';
import { copyText } from '../../../ui/copy.tsx';
import { t } from '../../i18n/text.ts';
import { signOut } from '../../store/accounts.ts';
import { openPage } from '../../store/act.ts';
import { useMayManage, useSnapshot } from '../../store/store.ts';
import './sign-in.css';

export function Approval(): React.JSX.Element {
  const network = useSnapshot(({ network }) => network?.name ?? '');
  const name = useSnapshot(({ self, settings }) => self?.name || settings?.hostname || '');
  const key = useSnapshot(({ self }) => self?.nodeKey ?? '');
  const mayManage = useMayManage();
  return (
    <div className="signin">
      <p className="signin-text">
        {network === '' ? t('signin.approval.textAny') : t('signin.approval.text', { network })}
      </p>
      <div className="row">
        <Button kind="strong" icon={ExternalLink} onPress={() => void openPage('admin')}>
          {t('signin.approval.open')}
        </Button>
        <Button icon={Copy} onPress={() => void copyText(t('signin.approval.request', { name, key }))}>
          {t('signin.approval.copy')}
        </Button>
        {mayManage ? (
          <Button kind="quiet" onPress={() => void signOut()}>
            {t('signin.approval.cancel')}
          </Button>
        ) : null}
      </div>
    </div>
  );
}
