/** A fault in one part leaves the rest usable, and can be told to somebody. */
import { CircleAlert } from 'lucide-react';
import { Component, type ErrorInfo, type ReactNode } from 'react';
import { Button } from '../../ui/button.tsx';
import { copyText } from '../../ui/copy.tsx';
import { t } from '../i18n/text.ts';

interface State {
  readonly details: string | undefined;
}

const LONGEST = 4_000;

interface FenceProps {
  readonly children: ReactNode;
  /** Something else is shown when it changes: it gets its chance. */
  readonly of?: string;
}

export class Fence extends Component<FenceProps, State> {
  override state: State = { details: undefined };
  static getDerivedStateFromError(error: unknown): State {
    return { details: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  override componentDidCatch(error: Error, { componentStack }: ErrorInfo): void {
    const details = `${error.stack ?? error.message}\n${componentStack ?? ''}`.slice(0, LONGEST);
    this.setState({ details });
    reportError(new Error(details, { cause: error }));
  }
  override componentDidUpdate({ of }: FenceProps): void {
    if (of !== this.props.of && this.state.details !== undefined) this.setState({ details: undefined });
  }
  override render(): ReactNode {
    const { details } = this.state;
    if (details === undefined) return this.props.children;
    return (
      <div className="empty" role="alert">
        <CircleAlert aria-hidden="true" className="empty-icon empty-bad" />
        <h2>{t('fault.title')}</h2>
        <p className="empty-text">{t('fault.text')}</p>
        <div className="row">
          <Button kind="strong" onPress={() => this.setState({ details: undefined })}>
            {t('fault.reload')}
          </Button>
          <Button onPress={() => void copyText(details)}>{t('common.copyDetails')}</Button>
        </div>
      </div>
    );
  }
}
