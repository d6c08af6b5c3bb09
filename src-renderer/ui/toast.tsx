/** Short news at the edge: what was done, what failed. Read out; reachable with F6; never the only copy of anything. */
import { X } from 'lucide-react';
import {
  Text,
  UNSTABLE_Toast as Toast,
  UNSTABLE_ToastContent as ToastContent,
  UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from 'react-aria-components';
import { IconButton } from './button.tsx';
import { t } from './text.ts';
import './toast.css';

interface News {
  readonly text: string;
  readonly tone: 'good' | 'bad';
}

/** WCAG 2.2.1: long enough to read twice; failures stay until they are closed. */
const SHOWN_MS = 6_000;

const queue = new ToastQueue<News>({ maxVisibleToasts: 3 });

export const tellDone = (text: string): void => {
  queue.add({ text, tone: 'good' }, { timeout: SHOWN_MS });
};

export const tellFailed = (text: string): void => {
  queue.add({ text, tone: 'bad' });
};

export function Toasts(): React.JSX.Element {
  return (
    <ToastRegion queue={queue} className="toasts" aria-label={t('News')}>
      {({ toast }) => (
        <Toast toast={toast} className={`toast toast-${toast.content.tone}`}>
          <ToastContent className="toast-text">
            <Text slot="title">{toast.content.text}</Text>
          </ToastContent>
          <IconButton slot="close" icon={X} label={t('Dismiss')} size="small" />
        </Toast>
      )}
    </ToastRegion>
  );
}
