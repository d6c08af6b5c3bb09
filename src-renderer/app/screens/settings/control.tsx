/** The control of each kind of setting; all act at once. */
import { ChevronRight } from 'lucide-react';
import { useState } from 'react';
import type { Settings } from '#shared/ui-state/types.ts';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Switch } from '../../../ui/toggle.tsx';
import { t } from '../../i18n/text.ts';
import { useWished } from '../../lib/setting.ts';
import { Link } from '../../shell/link.tsx';
import { act, editGui } from '../../store/act.ts';
import { useApp, useMayManage, useSnapshot } from '../../store/store.ts';
import { About } from './about.tsx';
import { GuiChoice } from './gui-choice.tsx';
import { Reset } from './reset.tsx';
import type { Control, Row } from './rows.ts';
import { DnsNow, Server, Updates, WebAddress } from './shown.tsx';

interface Said {
  readonly label: string;
  readonly note: string;
  /** The organisation has settled it: the daemon would refuse another value. */
  readonly isFixed?: boolean;
}

type Of<K extends Control['kind']> = Extract<Control, { readonly kind: K }>;

export function ControlOf({
  row,
  isFixed = false,
  ...said
}: Said & { readonly row: Row }): React.JSX.Element | null {
  const settings = useSnapshot((snapshot) => snapshot.settings);
  const { control } = row;
  switch (control.kind) {
    case 'gui':
      return <GuiSwitch name={control.name} {...said} />;
    case 'choice':
      return <GuiChoice name={control.name} {...said} />;
    case 'notify':
      return <NotifySwitch control={control} {...said} />;
    case 'link':
      return <LinkRow to={control.to} {...said} />;
    case 'updates':
      return <Updates {...said} />;
    case 'about':
      return <About />;
    case 'dns':
      return <DnsNow {...said} />;
    case 'pref':
      return settings === undefined ? null : <PrefSwitch {...{ control, settings, isFixed }} {...said} />;
    case 'text':
      return settings === undefined ? null : <PrefText {...{ control, settings, isFixed }} {...said} />;
    case 'netfilter':
      return settings === undefined ? null : <Netfilter {...{ settings, isFixed }} {...said} />;
    case 'web':
      return settings === undefined ? null : <WebAddress settings={settings} {...said} />;
    case 'reset':
      return <Reset {...said} />;
    case 'server':
      return settings === undefined ? null : <Server settings={settings} {...said} />;
    default:
      return control satisfies never;
  }
}

function PrefSwitch({
  control: { read, edit, asks },
  settings,
  label,
  note,
  isFixed = false,
}: Said & { readonly control: Of<'pref'>; readonly settings: Settings }): React.JSX.Element {
  const mayManage = useMayManage();
  const { value, set } = useWished(read(settings), edit);
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Switch
        isSelected={value}
        isDisabled={!mayManage || isFixed}
        onChange={(on) => (asks?.when === on ? setAsking(true) : set(on))}
        note={note}
      >
        {label}
      </Switch>
      {isAsking && asks !== undefined ? (
        <FormDialog
          title={t(asks.title)}
          submit={t(asks.submit)}
          size="small"
          onClose={() => setAsking(false)}
          onSubmit={() => {
            set(asks.when);
            setAsking(false);
            return Promise.resolve();
          }}
        >
          <p>{t(asks.text)}</p>
        </FormDialog>
      ) : null}
    </>
  );
}

function GuiSwitch({ name, label, note }: Said & { readonly name: Of<'gui'>['name'] }): React.JSX.Element {
  const value = useApp(({ gui }) => gui[name]);
  return (
    <Switch isSelected={value} onChange={(on) => void editGui({ [name]: on })} note={note}>
      {label}
    </Switch>
  );
}

function NotifySwitch({
  control: { kinds, isOffAtFirst },
  label,
  note,
}: Said & { readonly control: Of<'notify'> }): React.JSX.Element {
  const notifications = useApp(({ gui }) => gui.notifications);
  const isOn = (kind: string): boolean =>
    (Object.hasOwn(notifications, kind) ? notifications[kind] : undefined) ?? !isOffAtFirst;
  const change = (on: boolean): void =>
    void editGui({
      notifications: { ...notifications, ...Object.fromEntries(kinds.map((kind) => [kind, on])) },
    });
  return (
    <Switch isSelected={kinds.some(isOn)} onChange={change} note={note}>
      {label}
    </Switch>
  );
}

/** Saved when the user says so: half a name would be told to the whole network. */
function PrefText({
  control: { read, edit, isGood },
  settings,
  label,
  note,
  isFixed = false,
}: Said & { readonly control: Of<'text'>; readonly settings: Settings }): React.JSX.Element {
  const mayManage = useMayManage();
  const confirmed = read(settings);
  const [draft, setDraft] = useState<string>();
  const text = draft ?? confirmed;
  const isChanged = draft !== undefined && draft.trim() !== confirmed;
  const problem = isGood(text.trim()) ? undefined : t('settings.badName');
  const save = async (): Promise<void> => {
    if (!isChanged || problem !== undefined) return;
    if (await act('prefs.edit', edit(text.trim()), t('settings.saved'))) setDraft(undefined);
  };
  return (
    <form
      className="setting-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <TextField
        label={label}
        value={text}
        onChange={setDraft}
        help={note}
        problem={problem}
        maxLength={253}
        isDisabled={!mayManage || isFixed}
      />
      {isChanged ? (
        <span className="setting-buttons">
          <Button type="submit" kind="strong" isDisabled={problem !== undefined}>
            {t('settings.save')}
          </Button>
          <Button onPress={() => setDraft(undefined)}>{t('common.cancel')}</Button>
        </span>
      ) : null}
    </form>
  );
}

function LinkRow({ to, label, note }: Said & { readonly to: string }): React.JSX.Element {
  return (
    <Link to={to} className="setting-link">
      <span className="setting-text">
        {label}
        <span className="setting-note">{note}</span>
      </span>
      <ChevronRight aria-hidden="true" className="setting-chevron" />
    </Link>
  );
}

const MODES = ['0', '1', '2'] as const;

function Netfilter({
  settings,
  label,
  note,
  isFixed = false,
}: Said & { readonly settings: Settings }): React.JSX.Element {
  const mayManage = useMayManage();
  const { value, set } = useWished(settings.netfilterMode, (netfilterMode) => ({ netfilterMode }));
  return (
    <Select
      label={label}
      help={note}
      value={MODES[value]}
      isDisabled={!mayManage || isFixed}
      onChange={(mode) => set(mode === '0' ? 0 : mode === '1' ? 1 : 2)}
      options={MODES.map((id) => ({ id, text: t(`settings.netfilter.${id}`) }))}
    />
  );
}
