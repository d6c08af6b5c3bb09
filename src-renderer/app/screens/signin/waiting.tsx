/** Waiting for the browser: where to sign in, and every way to get there. */
import { ExternalLink, Link as LinkIcon, QrCode } from 'lucide-react';
import { useEffect, useState } from 'react';
import { announce } from '../../../ui/announce.tsx';
import { Button } from '../../../ui/button.tsx';
import { copyText } from '../../../ui/copy.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { Qr } from '../../../ui/qr.tsx';
import { t } from '../../i18n/text.ts';
import { Foreign } from '../../lib/foreign.tsx';
import {
  cancelSignIn,
  forgetSignIn,
  noticePage,
  openSignInPage,
  startSignIn,
  useSignIn,
} from '../../store/sign-in.ts';
import { useApp, useMayManage, useSnapshot } from '../../store/store.ts';
import './sign-in.css';

/** Servers forget a page that nobody came to. */
const LATE_MS = 900_000;
/** More does not fit into a code that a phone can read. */
const LONGEST_QR = 1_200;

export function WaitingBrowser(): React.JSX.Element {
  const url = useSnapshot(({ authUrl }) => authUrl);
  const isUnopened = useSignIn(({ isUnopened }) => isUnopened);
  const startedMs = useSignIn(({ startedMs }) => startedMs);
  const nowMs = useApp(({ nowMs }) => nowMs);
  const mayManage = useMayManage();
  const [isQrWanted, setQrWanted] = useState(false);
  const isQrShown = (isQrWanted || isUnopened) && url.length <= LONGEST_QR;
  const sinceMs = useSignIn(({ page }) => (page?.url === url ? page.sinceMs : undefined));
  const isLate = sinceMs !== undefined && nowMs - sinceMs > LATE_MS;
  useEffect(() => noticePage(url), [url]);
  useEffect(() => announce(t('signin.waiting.announce')), []);
  // Once it is over, the next time begins anew.
  useEffect(() => forgetSignIn, []);
  return (
    <div className="signin">
      <p className="signin-text">
        {t('signin.waiting.text')}{' '}
        <strong>
          <Foreign text={URL.parse(url)?.host ?? url} max={80} />
        </strong>
        , {t('signin.waiting.textEnd')}
      </p>
      {isLate ? (
        <Notice
          tone="warn"
          action={
            <Button size="small" onPress={() => void startSignIn({ force: true })}>
              {t('signin.waiting.again')}
            </Button>
          }
        >
          {t('signin.waiting.late')}
        </Notice>
      ) : null}
      {isUnopened ? <Notice tone="warn">{t('signin.waiting.noBrowser')}</Notice> : null}
      <div className="row">
        <Button kind="strong" icon={ExternalLink} onPress={() => void openSignInPage()}>
          {startedMs === undefined ? t('signin.waiting.openFirst') : t('signin.waiting.open')}
        </Button>
        <Button icon={LinkIcon} onPress={() => void copyText(url)}>
          {t('signin.waiting.copy')}
        </Button>
        {isUnopened || url.length > LONGEST_QR ? null : (
          <Button icon={QrCode} aria-expanded={isQrShown} onPress={() => setQrWanted(!isQrWanted)}>
            {isQrShown ? t('signin.waiting.qrHide') : t('signin.waiting.qr')}
          </Button>
        )}
        {mayManage ? (
          <Button kind="quiet" onPress={() => void cancelSignIn()}>
            {t('signin.waiting.cancel')}
          </Button>
        ) : null}
      </div>
      {isQrShown ? (
        <figure className="signin-qr">
          <Qr text={url} label={t('signin.waiting.qrLabel')} />
          <figcaption>
            <p>{t('signin.waiting.qrText')}</p>
            <code className="signin-link">
              <Foreign text={url} max={400} />
            </code>
          </figcaption>
        </figure>
      ) : null}
    </div>
  );
}
