/** Short news at the edge: what was done, what failed. Read out; reachable with F6; never the only copy of anything. */
import { X } from 'lucide-react';
import {
  type QueuedToast,
  Text,
  UNSTABLE_Toast as Toast,
  UNSTABLE_ToastContent as ToastContent,
  UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from 'react-aria-components';
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
};

export const tellFailed = (text: string, action?: ToastAction): void => {
  queue.add({ text, tone: 'bad', action });
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
      {({ toast }) => (
        <Toast toast={toast} className={`toast toast-${toast.content.tone}`}>
          <ToastContent className="toast-text">
            <Text slot="title">{toast.content.text}</Text>
          </ToastContent>
          <Act toast={toast} />
          <IconButton slot="close" icon={X} label={t('Dismiss')} size="small" />
        </Toast>
      )}
    </ToastRegion>
  );
}
