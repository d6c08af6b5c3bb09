/** Text fields with label, help and error, and the search field. */
import { Search, X } from 'lucide-react';
import {
  SearchField as AriaSearch,
  TextField as AriaTextField,
  Button,
  FieldError,
  Input,
  Label,
  Text,
  TextArea,
} from 'react-aria-components';
import { t } from './text.ts';
import './field.css';

export interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly help?: string | undefined;
  /** Why the value cannot be used. */
  readonly problem?: string | undefined;
  readonly placeholder?: string;
  readonly type?: 'text' | 'email' | 'number' | 'url' | 'password';
  readonly isDisabled?: boolean;
  readonly isReadOnly?: boolean;
  readonly isRequired?: boolean;
  readonly autoFocus?: boolean;
  readonly maxLength?: number;
  readonly rows?: number;
  readonly isMono?: boolean;
}

export function TextField({
  label,
  help,
  problem,
  placeholder,
  type = 'text',
  rows,
  isMono = false,
  ...rest
}: TextFieldProps): React.JSX.Element {
  const box = { placeholder: placeholder ?? '', className: `field-input${isMono ? ' mono' : ''}` };
  return (
    <AriaTextField {...rest} type={type} isInvalid={problem !== undefined} className="field">
      <Label className="field-label">{label}</Label>
      {rows === undefined ? <Input {...box} /> : <TextArea {...box} rows={rows} />}
      {help === undefined ? null : (
        <Text slot="description" className="field-help">
          {help}
        </Text>
      )}
      <FieldError className="field-error">{problem}</FieldError>
    </AriaTextField>
  );
}

export interface SearchFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string;
}

export function SearchField({ label, value, onChange, placeholder }: SearchFieldProps): React.JSX.Element {
  return (
    <AriaSearch aria-label={label} value={value} onChange={onChange} className="search">
      <Search aria-hidden="true" className="search-icon" />
      <Input placeholder={placeholder ?? label} className="field-input search-input" data-search="" />
      <Button className="search-clear" aria-label={t('Clear search')}>
        <X aria-hidden="true" />
      </Button>
    </AriaSearch>
  );
}
