/** Choosing from a list: Select for a few, ComboBox for many, with the same popup. */
import { Check, ChevronDown } from 'lucide-react';
import {
  ComboBox as AriaComboBox,
  Select as AriaSelect,
  Button,
  FieldError,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  SelectValue,
  Text,
} from 'react-aria-components';
import { t } from './text.ts';
import './field.css';
import './choice.css';

export interface Option<Id extends string = string> {
  readonly id: Id;
  readonly text: string;
  readonly note?: string | undefined;
}

interface ChoiceProps<Id extends string> {
  readonly label: string;
  /** The label stands beside it, in a row of controls. */
  readonly isBare?: boolean;
  readonly options: readonly Option<Id>[];
  readonly help?: string;
  readonly isDisabled?: boolean;
  readonly onChange: (id: Id) => void;
}

export function Select<Id extends string>({
  label,
  isBare = false,
  options,
  value,
  help,
  isDisabled = false,
  onChange,
}: ChoiceProps<Id> & { readonly value: Id | undefined }): React.JSX.Element {
  const isOption = (id: unknown): id is Id => options.some((option) => option.id === id);
  return (
    <AriaSelect
      className={`field select${isBare ? ' select-bare' : ''}`}
      selectedKey={value ?? null}
      isDisabled={isDisabled}
      placeholder={t('Choose')}
      onSelectionChange={(key) => {
        if (isOption(key)) onChange(key);
      }}
    >
      <Label className={isBare ? 'soft' : 'field-label'}>{label}</Label>
      <Button className="field-input select-button">
        <SelectValue className="select-value" />
        <ChevronDown aria-hidden="true" className="select-arrow" />
      </Button>
      {help === undefined ? null : (
        <Text slot="description" className="field-help">
          {help}
        </Text>
      )}
      <Choices options={options} />
    </AriaSelect>
  );
}

export interface ComboBoxProps<Id extends string> extends ChoiceProps<Id> {
  readonly value: Id | undefined;
  readonly problem?: string;
  readonly placeholder?: string;
}

export function ComboBox<Id extends string>({
  label,
  isBare = false,
  options,
  value,
  help,
  problem,
  placeholder,
  isDisabled = false,
  onChange,
}: ComboBoxProps<Id>): React.JSX.Element {
  const isOption = (id: unknown): id is Id => options.some((option) => option.id === id);
  return (
    <AriaComboBox
      className="field combo"
      aria-label={isBare ? label : ''}
      defaultItems={options}
      selectedKey={value ?? null}
      isDisabled={isDisabled}
      isInvalid={problem !== undefined}
      menuTrigger="focus"
      onSelectionChange={(key) => {
        if (isOption(key)) onChange(key);
      }}
    >
      {isBare ? null : <Label className="field-label">{label}</Label>}
      <div className="combo-box">
        <Input className="field-input combo-input" placeholder={placeholder ?? ''} />
        <Button className="combo-button">
          <ChevronDown aria-hidden="true" className="select-arrow" />
        </Button>
      </div>
      {help === undefined ? null : (
        <Text slot="description" className="field-help">
          {help}
        </Text>
      )}
      <FieldError className="field-error">{problem}</FieldError>
      <Choices />
    </AriaComboBox>
  );
}

/** Options of a ComboBox come from its own filtered items. */
function Choices({ options }: { readonly options?: readonly Option[] }): React.JSX.Element {
  return (
    <Popover className="popup" offset={4}>
      <ListBox
        className="popup-list"
        {...(options === undefined ? {} : { items: options })}
        renderEmptyState={() => <div className="popup-empty">{t('Nothing matches')}</div>}
      >
        {(option: Option) => (
          <ListBoxItem id={option.id} textValue={option.text} className="popup-item">
            <span className="popup-texts">
              <Text slot="label">{option.text}</Text>
              {option.note === undefined ? null : (
                <Text slot="description" className="popup-note">
                  {option.note}
                </Text>
              )}
            </span>
            <Check aria-hidden="true" className="popup-check" />
          </ListBoxItem>
        )}
      </ListBox>
    </Popover>
  );
}
