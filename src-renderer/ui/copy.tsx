/** A value to take along: shown in full, selectable, with a button that copies it and says so. */
import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { IconButton } from './button.tsx';
import { t } from './text.ts';
import { tellDone, tellFailed } from './toast.tsx';
import './copy.css';

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    tellDone(t('Copied {text}', { text: text.length > 60 ? t('to the clipboard') : text }));
    return true;
  } catch {
    // Without TLS, and outside localhost, browsers give no clipboard.
    tellFailed(t('The browser did not allow copying: select the text and copy it yourself'));
    return false;
  }
}

export function CopyButton({
  text,
  label,
}: {
  readonly text: string;
  readonly label: string;
}): React.JSX.Element {
  const [isDone, setDone] = useState(false);
  return (
    <IconButton
      size="small"
      icon={isDone ? Check : Copy}
      label={label}
      onHoverEnd={() => setDone(false)}
      onPress={() => {
        void copyText(text).then(setDone);
      }}
    />
  );
}

/** One line, or a block for what is long. */
export function CopyField({
  text,
  label,
  isBlock = false,
}: {
  readonly text: string;
  readonly label: string;
  readonly isBlock?: boolean;
}): React.JSX.Element {
  return (
    <span className={`copy${isBlock ? ' copy-block' : ''}`}>
      <code className="copy-text">{text}</code>
      <CopyButton text={text} label={label} />
    </span>
  );
}
