/** Networks of this device that others may use: a list that is changed as a whole, each change with a way back. */
import { Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { ResultOf } from '#shared/bridge/contract.ts';
import type { Settings } from '#shared/ui-state/types.ts';
import { announce } from '../../../ui/announce.tsx';
import { Badge, type Tone } from '../../../ui/badge.tsx';
import { Button, IconButton } from '../../../ui/button.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { tellDone } from '../../../ui/toast.tsx';
import { Switch } from '../../../ui/toggle.tsx';
import { t } from '../../i18n/text.ts';
import { useForwardingFix } from '../../lib/fix-forwarding.tsx';
import { cut, Foreign } from '../../lib/foreign.tsx';
import {
  type LocalNetwork,
  parseNetwork,
  suggestions,
  withDefaults,
  withoutDefaults,
} from '../../lib/prefixes.ts';
import { useWished } from '../../lib/setting.ts';
import { type Asking, useAsked } from '../../lib/use-asked.ts';
import { Fixed, useIsFixed } from '../../shell/fixed.tsx';
import { act } from '../../store/act.ts';
import { useMayManage, useSnapshot } from '../../store/store.ts';
import { type OwnState, ownState } from './model.ts';

const TONES: Readonly<Record<OwnState, Tone>> = {
  approved: 'good',
  'stands-by': 'quiet',
  waiting: 'warn',
  'not-forwarded': 'warn',
  invalid: 'bad',
};

const OwnBadge = ({ state }: { readonly state: OwnState }): React.JSX.Element => (
  <Badge tone={TONES[state]}>{t(`routes.own.${state}`)}</Badge>
);

export function Advertise({
  settings,
  local,
}: {
  readonly settings: Settings;
  readonly local: readonly LocalNetwork[];
}): React.JSX.Element {
  const mayManage = useMayManage();
  const isLinux = useSnapshot(({ daemon }) => daemon.platform === 'linux');
  const isFixed = useIsFixed('advertiseRoutes');
  const mayChange = mayManage && !isFixed;
  const self = useSnapshot((snapshot) => snapshot.self);
  const check = useAsked('routes.check', undefined);
  const forwards = check.answer.kind !== 'ready' || check.answer.value.forwarding === '';
  const { value, set } = useWished<readonly string[]>(settings.advertiseRoutes, (routes) => ({
    advertiseRoutes: [...routes],
  }));
  const networks = withoutDefaults(value);
  const save = async (next: readonly string[], done: string): Promise<void> => {
    const before = settings.advertiseRoutes;
    const isSaved = await act('prefs.edit', { advertiseRoutes: withDefaults(next, before) });
    if (isSaved) tellDone(done, { label: t('routes.undo'), run: () => set(before) });
  };
  const add = (prefix: string): void => void save([...networks, prefix], t('routes.added', { prefix }));
  const remove = (prefix: string): void =>
    void save(
      networks.filter((one) => one !== prefix),
      t('routes.removed', { prefix }),
    );
  return (
    <Card title={t('routes.share')} about={t('routes.shareAbout')}>
      {networks.length === 0 ? (
        <p className="soft">{t('routes.shareNone')}</p>
      ) : (
        <ul className="routes-list" aria-label={t('routes.share')}>
          {networks.map((prefix) => (
            <li key={prefix} className="routes-row">
              <span className="mono routes-prefix">{cut(prefix, 64)}</span>
              <span className="routes-state">
                <OwnBadge state={ownState(prefix, self, forwards)} />
              </span>
              {mayChange ? (
                <IconButton
                  icon={Trash2}
                  size="small"
                  label={t('routes.remove', { prefix })}
                  onPress={() => remove(prefix)}
                />
              ) : null}
            </li>
          ))}
        </ul>
      )}
      {networks.length === 0 ? null : <Forwarding check={check} />}
      {isFixed ? <Fixed /> : null}
      {mayChange ? <AddNetwork listed={value} local={local} onAdd={add} /> : null}
      {isLinux && networks.length > 0 ? <Snat settings={settings} isDisabled={!mayManage} /> : null}
    </Card>
  );
}

function AddNetwork({
  listed,
  local,
  onAdd,
}: {
  readonly listed: readonly string[];
  readonly local: readonly LocalNetwork[];
  readonly onAdd: (prefix: string) => void;
}): React.JSX.Element {
  const [text, setText] = useState('');
  const [isTried, setTried] = useState(false);
  const parsed = parseNetwork(text, listed);
  const problem =
    isTried && text.trim() !== '' && parsed.kind === 'bad' ? t(`routes.bad.${parsed.why}`) : undefined;
  const submit = (): void => {
    setTried(true);
    if (parsed.kind === 'bad') return;
    setText('');
    setTried(false);
    if (parsed.corrected) announce(t('routes.becomes', { prefix: parsed.prefix }));
    onAdd(parsed.prefix);
  };
  const offered = suggestions(local, listed);
  return (
    <>
      <form
        className="routes-add"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <TextField
          label={t('routes.add')}
          value={text}
          onChange={setText}
          placeholder="192.168.1.0/24"
          isMono
          maxLength={64}
          problem={problem}
          help={
            parsed.kind === 'good' && parsed.corrected
              ? t('routes.becomes', { prefix: parsed.prefix })
              : undefined
          }
        />
        <Button type="submit" icon={Plus} isDisabled={text.trim() === ''}>
          {t('routes.addButton')}
        </Button>
      </form>
      {offered.length === 0 ? null : (
        <div className="routes-offers">
          <span className="soft">{t('routes.suggested')}</span>
          {offered.slice(0, 6).map((one) => (
            <Button key={one.prefix} size="small" icon={Plus} onPress={() => onAdd(one.prefix)}>
              <span>
                <span>
                  <span className="mono">{one.prefix}</span> (<Foreign text={one.interface} max={24} />)
                </span>
              </span>
            </Button>
          ))}
        </div>
      )}
    </>
  );
}

const ENABLE_FORWARDING = 'sudo sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1';

/** What hinders this machine from passing packets on, and what helps. */
function Forwarding({
  check: { answer, again },
}: {
  readonly check: Asking<ResultOf<'routes.check'>>;
}): React.JSX.Element | null {
  const isLinux = useSnapshot(({ daemon }) => daemon.platform === 'linux');
  const fix = useForwardingFix(again);
  if (answer.kind !== 'ready') return null;
  const { forwarding, udpGro } = answer.value;
  return (
    <>
      {forwarding === '' ? null : (
        <Notice
          tone="warn"
          action={
            <span className="routes-actions">
              {fix.button}
              <Button size="small" kind={fix.button === null ? 'plain' : 'quiet'} onPress={again}>
                {t('routes.checkAgain')}
              </Button>
            </span>
          }
        >
          <p>{t('routes.forwardingOff')}</p>
          <p>
            <Foreign text={forwarding} max={400} />
          </p>
          {fix.said}
          {isLinux && fix.button === null ? (
            <>
              <p>{t('routes.forwardingHow')}</p>
              <CopyField text={ENABLE_FORWARDING} label={t('routes.copyCommand')} isBlock />
            </>
          ) : null}
        </Notice>
      )}
      {udpGro === '' ? null : (
        <Notice>
          <Foreign text={udpGro} max={400} />
        </Notice>
      )}
    </>
  );
}

function Snat({
  settings,
  isDisabled,
}: {
  readonly settings: Settings;
  readonly isDisabled: boolean;
}): React.JSX.Element {
  const { value, set } = useWished(!settings.noSnat, (on) => ({ noSnat: !on }));
  return (
    <Switch isSelected={value} onChange={set} isDisabled={isDisabled} note={t('routes.snatNote')}>
      {t('routes.snat')}
    </Switch>
  );
}
