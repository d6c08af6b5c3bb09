/** A few words on hover and focus; never the only place where something is said. */
import type { ReactElement } from 'react';
import { Tooltip, TooltipTrigger } from 'react-aria-components';
import './tooltip.css';

export function Tip({
  text,
  children,
}: {
  readonly text: string;
  readonly children: ReactElement;
}): React.JSX.Element {
  return (
    <TooltipTrigger delay={400} closeDelay={80}>
      {children}
      <Tooltip offset={6} className="tip">
        {text}
      </Tooltip>
    </TooltipTrigger>
  );
}
