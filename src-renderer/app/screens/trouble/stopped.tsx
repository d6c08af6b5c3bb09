/** The service stands still: starting it, now and with the computer, and what it wrote before it ended. */
import { useState } from 'react';
import { CopyField } from '../../../ui/copy.tsx';
import { Checkbox } from '../../../ui/toggle.tsx';
import { t } from '../../i18n/text.ts';
import { useAsked } from '../../lib/use-asked.ts';
import { isOutOfReach } from '../../shell/heading.ts';
import { useApp, useCan } from '../../store/store.ts';
import { COMMANDS } from './commands.ts';
import { Do } from './do.tsx';
import { Lines } from './lines.tsx';

/** Gives a link to this page. */
const WEB = 'rhumb web';

export function Stopped(): React.JSX.Element {
  const canService = useCan('service');
  const commands = COMMANDS[useApp(({ host }) => host.platform)];
  const isLost = useApp(isOutOfReach);
  return (
    <>
      <p>
        {isLost ? t('trouble.out-of-reach.text') : t('trouble.daemon-stopped.text')}{' '}
        <span className="soft">{t('trouble.daemon-stopped.self')}</span>
      </p>
      {canService ? <Start commands={commands} /> : null}
      {canService || commands === undefined ? null : (
        <div className="stack">
          <p className="soft">{t('trouble.daemon-stopped.command')}</p>
          <CopyField isBlock text={commands.start} label={t('trouble.copyCommand')} />
        </div>
      )}
      {isLost ? (
        <div className="stack">
          <p className="soft">{t('trouble.out-of-reach.again')}</p>
          <CopyField isBlock text={WEB} label={t('device.copyValue', { value: WEB })} />
        </div>
      ) : null}
    </>
  );
}

type Commands = (typeof COMMANDS)[string] | undefined;

function Start({ commands }: { readonly commands: Commands }): React.JSX.Element {
  const { answer, refresh } = useAsked('service.status', undefined);
  const status = answer.kind === 'ready' ? answer.value : undefined;
  const [atBoot, setAtBoot] = useState(false);
  const isChoice = status?.isAtBoot === false;
  return (
    <>
      {isChoice ? (
        <Checkbox isSelected={atBoot} onChange={setAtBoot}>
          {t('trouble.daemon-stopped.atBoot')}
        </Checkbox>
      ) : null}
      <Do
        call="service.start"
        arg={{ atBoot: isChoice && atBoot }}
        text={t('trouble.daemon-stopped.start')}
        busy={t('trouble.daemon-stopped.working')}
        byHand={commands?.start}
        onTried={refresh}
      />
      {status === undefined || status.lines === null ? null : (
        <Wrote lines={status.lines} command={commands?.log} />
      )}
    </>
  );
}

/** Why it ended is often among its last lines; who may not read them learns how an administrator can. */
function Wrote({
  lines,
  command,
}: {
  readonly lines: readonly string[];
  readonly command: string | undefined;
}): React.JSX.Element {
  return (
    <details className="other-ways">
      <summary>{t('trouble.log')}</summary>
      {lines.length > 0 ? <Lines lines={lines} /> : <p>{t('trouble.log.none')}</p>}
      {lines.length > 0 || command === undefined ? null : (
        <CopyField isBlock text={command} label={t('trouble.copyCommand')} />
      )}
    </details>
  );
}
