/** Small switches in a row, any number of them on: filters of a list. */
import { Check } from 'lucide-react';
import { ToggleButton, ToggleButtonGroup } from 'react-aria-components';
import './chips.css';

export interface Chip<Id extends string> {
  readonly id: Id;
  readonly text: string;
}

export function Chips<Id extends string>({
  label,
  chips,
  value,
  onChange,
}: {
  readonly label: string;
  readonly chips: readonly Chip<Id>[];
  readonly value: readonly Id[];
  readonly onChange: (value: readonly Id[]) => void;
}): React.JSX.Element {
  return (
    <ToggleButtonGroup
      aria-label={label}
      selectionMode="multiple"
      className="chips"
      selectedKeys={value}
      onSelectionChange={(keys) => onChange(chips.map(({ id }) => id).filter((id) => keys.has(id)))}
    >
      {chips.map(({ id, text }) => (
        <ToggleButton key={id} id={id} className="chip">
          <Check aria-hidden="true" className="chip-check" />
          {text}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}
