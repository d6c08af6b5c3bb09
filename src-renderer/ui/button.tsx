/** Buttons: one strong one per region at most; icons alone carry a name and show it. */
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaProps } from 'react-aria-components';
import { Tip } from './tooltip.tsx';
import './button.css';

export interface ButtonProps extends Omit<AriaProps, 'className' | 'style' | 'children' | 'isPending'> {
  readonly kind?: 'plain' | 'strong' | 'quiet' | 'danger';
  readonly size?: 'small' | 'normal';
  readonly icon?: LucideIcon | undefined;
  /** Shows that it works; whoever sets it ignores further presses, and the focus stays. */
  readonly isPending?: boolean;
  readonly children?: ReactNode;
}

export function Button({
  kind = 'plain',
  size = 'normal',
  icon: Icon,
  isPending = false,
  children,
  ...rest
}: ButtonProps): React.JSX.Element {
  return (
    <AriaButton {...rest} className={`button button-${kind} button-${size}`}>
      {Icon === undefined ? null : <Icon aria-hidden="true" className="button-icon" />}
      <span className="button-text">{isPending ? <Busy>{children}</Busy> : children}</span>
    </AriaButton>
  );
}

export interface IconButtonProps extends Omit<AriaProps, 'className' | 'style' | 'children' | 'aria-label'> {
  readonly icon: LucideIcon;
  /** Read out, and shown on hover and focus. */
  readonly label: string;
  readonly size?: 'small' | 'normal';
}

export function IconButton({
  icon: Icon,
  label,
  size = 'normal',
  ...rest
}: IconButtonProps): React.JSX.Element {
  return (
    <Tip text={label}>
      <AriaButton {...rest} aria-label={label} className={`button button-icon-only button-${size}`}>
        <Icon aria-hidden="true" className="button-icon" />
      </AriaButton>
    </Tip>
  );
}

function Busy({ children }: { readonly children: ReactNode }): React.JSX.Element {
  return (
    <>
      <span className="spinner" aria-hidden="true" /> {children}
    </>
  );
}
