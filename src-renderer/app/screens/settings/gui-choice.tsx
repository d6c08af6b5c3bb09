/** Settings of the program itself that are one of a few. */
import type { GuiSettings } from '#shared/bridge/contract.ts';
import { type Option, Select } from '../../../ui/choice.tsx';
import { tellFailed } from '../../../ui/toast.tsx';
import { LANGUAGES, pickLocale, setLocale } from '../../i18n/locale.ts';
import { t } from '../../i18n/text.ts';
import { editGui } from '../../store/act.ts';
import { useApp } from '../../store/store.ts';
import type { GuiChoice as Name } from './rows.ts';

interface Said {
  readonly label: string;
  readonly note: string;
}

export function GuiChoice({ name, ...said }: Said & { readonly name: Name }): React.JSX.Element {
  switch (name) {
    case 'language':
      return <Language {...said} />;
    case 'theme':
      return <OneOf name={name} ids={['system', 'light', 'dark']} {...said} />;
    case 'contrast':
      return <OneOf name={name} ids={['system', 'more']} {...said} />;
    case 'density':
      return <OneOf name={name} ids={['comfortable', 'compact']} {...said} />;
    case 'trayIcon':
      return <OneOf name={name} ids={['colour', 'mono', 'off']} {...said} />;
    case 'onClose':
      return <OneOf name={name} ids={['auto', 'hide', 'quit']} {...said} />;
    default:
      return name satisfies never;
  }
}

function OneOf<K extends Exclude<Name, 'language'>>({
  name,
  ids,
  label,
  note,
}: Said & { readonly name: K; readonly ids: readonly GuiSettings[K][] }): React.JSX.Element {
  const value = useApp(({ gui }) => gui[name]);
  return (
    <Select
      label={label}
      help={note}
      value={value}
      onChange={(id) => void editGui({ [name]: id })}
      options={ids.map((id) => ({ id, text: t(`settings.choice.${id}`) }))}
    />
  );
}

function Language({ label, note }: Said): React.JSX.Element {
  const value = useApp(({ gui }) => gui.language);
  const options: readonly Option[] = [
    { id: 'system', text: t('settings.choice.system') },
    ...LANGUAGES.map(({ id, name }) => ({ id, text: name })),
  ];
  const choose = async (id: string): Promise<void> => {
    try {
      await setLocale(pickLocale(id, navigator.languages));
      await editGui({ language: id });
    } catch {
      tellFailed(t('settings.languageFailed'));
    }
  };
  return (
    <Select
      label={label}
      help={note}
      value={options.some(({ id }) => id === value) ? value : 'system'}
      onChange={(id) => void choose(id)}
      options={options}
    />
  );
}
