/** On and off: switches act at once, checkboxes are part of a form; radio buttons choose one of few. */
import { Check, Minus } from 'lucide-react';
import { type ReactNode, useId } from 'react';
import {
  Checkbox as AriaCheckbox,
  CheckboxGroup as AriaGroup,
  RadioGroup as AriaRadios,
  Switch as AriaSwitch,
  Label,
  Radio,
  Text,
} from 'react-aria-components';
import './toggle.css';
import './field.css';

interface ToggleProps {
  readonly isSelected: boolean;
  readonly onChange: (isSelected: boolean) => void;
  readonly isDisabled?: boolean;
  readonly children: ReactNode;
  readonly note?: string;
  /** The id of what says why it can't be changed. */
  readonly describedBy?: string | undefined;
}

export function Switch({ children, note, describedBy, ...rest }: ToggleProps): React.JSX.Element {
  const { names, text } = useTexts(children, note, describedBy);
  return (
    <AriaSwitch {...rest} {...names} className="toggle">
      <span className="switch-track" aria-hidden="true">
        <span className="switch-knob" />
      </span>
      {text}
    </AriaSwitch>
  );
}

export function Checkbox({ children, note, describedBy, ...rest }: ToggleProps): React.JSX.Element {
  const { names, text } = useTexts(children, note, describedBy);
  return (
    <AriaCheckbox {...rest} {...names} className="toggle">
      <Box />
      {text}
    </AriaCheckbox>
  );
}

/** What it is called is its name, what is said about it its description: readers say the one first and the other when asked. */
function useTexts(
  children: ReactNode,
  note: string | undefined,
  describedBy: string | undefined,
): { readonly names: object; readonly text: React.JSX.Element } {
  const id = useId();
  if (note === undefined)
    return {
      names: describedBy === undefined ? {} : { 'aria-describedby': describedBy },
      text: <span className="toggle-text">{children}</span>,
    };
  const [name, about] = [`${id}name`, `${id}note`];
  return {
    names: {
      'aria-labelledby': name,
      'aria-describedby': describedBy === undefined ? about : `${describedBy} ${about}`,
    },
    text: (
      <span className="toggle-text">
        <span id={name}>{children}</span>
        <span id={about} className="toggle-note">
          {note}
        </span>
      </span>
    ),
  };
}

/** Without a visible label, as in a table. */
export function BareCheckbox({
  label,
  ...rest
}: {
  readonly label: string;
  readonly isSelected: boolean;
  readonly isIndeterminate?: boolean;
  readonly excludeFromTabOrder?: boolean;
  readonly onChange: (isSelected: boolean) => void;
}): React.JSX.Element {
  return (
    <AriaCheckbox {...rest} aria-label={label} className="toggle toggle-bare">
      <Box />
    </AriaCheckbox>
  );
}

const Box = (): React.JSX.Element => (
  <span className="check-box" aria-hidden="true">
    <Check className="check-on" />
    <Minus className="check-mixed" />
  </span>
);

export interface Choice {
  readonly id: string;
  readonly text: string;
  readonly note?: string;
}

export function CheckboxGroup({
  label,
  help,
  choices,
  value,
  onChange,
}: {
  readonly label: string;
  readonly help?: string;
  readonly choices: readonly Choice[];
  readonly value: readonly string[];
  readonly onChange: (value: string[]) => void;
}): React.JSX.Element {
  return (
    <AriaGroup value={[...value]} onChange={onChange} className="field">
      <Label className="field-label">{label}</Label>
      {help === undefined ? null : (
        <Text slot="description" className="field-help">
          {help}
        </Text>
      )}
      <div className="toggle-columns">
        {choices.map((choice) => (
          <AriaCheckbox key={choice.id} value={choice.id} className="toggle">
            <Box />
            <span className="toggle-text">
              {choice.text}
              {choice.note === undefined ? null : <span className="toggle-note">{choice.note}</span>}
            </span>
          </AriaCheckbox>
        ))}
      </div>
    </AriaGroup>
  );
}

export function RadioGroup({
  label,
  choices,
  value,
  onChange,
}: {
  readonly label: string;
  readonly choices: readonly Choice[];
  readonly value: string;
  readonly onChange: (value: string) => void;
}): React.JSX.Element {
  return (
    <AriaRadios value={value} onChange={onChange} className="field">
      <Label className="field-label">{label}</Label>
      {choices.map((choice) => (
        <Radio key={choice.id} value={choice.id} className="toggle">
          <span className="radio-dot" aria-hidden="true" />
          <span className="toggle-text">
            {choice.text}
            {choice.note === undefined ? null : <span className="toggle-note">{choice.note}</span>}
          </span>
        </Radio>
      ))}
    </AriaRadios>
  );
}
