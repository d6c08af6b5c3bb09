/** Short news at the edge: what was done, what failed. Read out; reachable with F6; never the only copy of anything. */
import { X } from 'lucide-react';
import { useId } from 'react';
import {
  type QueuedToast,
  UNSTABLE_Toast as Toast,
  UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from 'react-aria-components';
import { announce } from './announce.tsx';
import { Button, IconButton } from './button.tsx';
import { t } from './text.ts';
import './toast.css';

interface News {
  readonly text: string;
  readonly tone: 'good' | 'bad';
  readonly action: ToastAction | undefined;
}

/** What can be done about it; never the only way to do so. */
export interface ToastAction {
  readonly label: string;
  readonly run: () => void;
}

/** WCAG 2.2.1: long enough to read twice; failures stay until they are closed. */
const SHOWN_MS = 6_000;

const queue = new ToastQueue<News>({ maxVisibleToasts: 3 });

export const tellDone = (text: string, action?: ToastAction): void => {
  queue.add({ text, tone: 'good', action }, { timeout: SHOWN_MS });
  announce(text);
};

export const tellFailed = (text: string, action?: ToastAction): void => {
  queue.add({ text, tone: 'bad', action });
  announce(text, 'assertive');
};

function Act({ toast }: { readonly toast: QueuedToast<News> }): React.JSX.Element | null {
  const { action } = toast.content;
  if (action === undefined) return null;
  return (
    <Button
      size="small"
      slot={null}
      onPress={() => {
        queue.close(toast.key);
        action.run();
      }}
    >
      {action.label}
    </Button>
  );
}

export function Toasts(): React.JSX.Element {
  return (
    <ToastRegion queue={queue} className="toasts" aria-label={t('News')}>
      {({ toast }) => <One toast={toast} />}
    </ToastRegion>
  );
}

/** Its text is no live region of its own: the one queue reads it out, in the manner that its tone asks for. */
function One({ toast }: { readonly toast: QueuedToast<News> }): React.JSX.Element {
  const id = useId();
  return (
    <Toast toast={toast} aria-labelledby={id} className={`toast toast-${toast.content.tone}`}>
      <div id={id} className="toast-text">
        {toast.content.text}
      </div>
      <Act toast={toast} />
      <IconButton slot="close" icon={X} label={t('Dismiss')} size="small" />
    </Toast>
  );
}
