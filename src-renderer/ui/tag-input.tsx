/** Several short texts in one field, such as tags or addresses: typed or picked, each removable with the keyboard. */
import { Plus, X } from 'lucide-react';
import { useId, useState } from 'react';
import { Button as AriaButton, Label, Tag, TagGroup, TagList } from 'react-aria-components';
import { Button } from './button.tsx';
import { TextField } from './field.tsx';
import { t } from './text.ts';
import './tag-input.css';
import './badge.css';

export interface TagInputProps {
  readonly label: string;
  readonly help?: string;
  readonly value: readonly string[];
  readonly onChange: (value: readonly string[]) => void;
  /** Offered as buttons. */
  readonly known?: readonly string[];
  /** What a typed text becomes. */
  readonly complete?: (text: string) => string;
  readonly problemOf?: (text: string) => string | undefined;
  readonly placeholder?: string;
}

const MOST_OFFERED = 12;

export function TagInput(props: TagInputProps): React.JSX.Element {
  const { label, help, value, onChange, known = [], problemOf, placeholder } = props;
  const complete = props.complete ?? ((text: string) => text);
  const [draft, setDraft] = useState('');
  const [problem, setProblem] = useState<string>();
  const labelId = useId();
  const add = (text: string): void => {
    const next = complete(text.trim());
    if (next === '' || text.trim() === '') return;
    const why = problemOf?.(next);
    setProblem(why);
    if (why !== undefined) return;
    setDraft('');
    if (!value.includes(next)) onChange([...value, next]);
  };
  const offered = known
    .filter((one) => !value.includes(one) && one.includes(draft.trim()))
    .slice(0, MOST_OFFERED);
  return (
    <div className="tag-input">
      <TagGroup
        selectionMode="none"
        aria-labelledby={labelId}
        onRemove={(gone) => onChange(value.filter((one) => !gone.has(one)))}
      >
        <Label id={labelId} className="field-label">
          {label}
        </Label>
        <TagList
          items={value.map((id) => ({ id }))}
          className="tag-input-list"
          renderEmptyState={() => <span className="soft">{t('None')}</span>}
        >
          {({ id }) => (
            <Tag id={id} textValue={id} className="tag tag-removable">
              {id}
              <AriaButton slot="remove" className="tag-remove" aria-label={t('Remove {what}', { what: id })}>
                <X aria-hidden="true" />
              </AriaButton>
            </Tag>
          )}
        </TagList>
      </TagGroup>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: Enter in the field adds, as its button does */}
      <div
        className="tag-input-row"
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || draft.trim() === '') return;
          event.preventDefault();
          add(draft);
        }}
      >
        <TextField
          label={t('Add')}
          value={draft}
          onChange={setDraft}
          help={help}
          problem={problem}
          placeholder={placeholder ?? ''}
          isMono
        />
        <Button icon={Plus} onPress={() => add(draft)} isDisabled={draft.trim() === ''}>
          {t('Add')}
        </Button>
      </div>
      {offered.length === 0 ? null : (
        <div className="tag-input-offers">
          {offered.map((one) => (
            <Button key={one} size="small" icon={Plus} onPress={() => add(one)}>
              {one}
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}
