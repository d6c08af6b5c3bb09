/** Dialogs: a question or a form over the page. Escape leaves, focus returns to what opened it. */
import { X } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { Button, IconButton } from './button.tsx';
import { Problem } from './notice.tsx';
import { t } from './text.ts';
import './dialog.css';

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly size?: 'small' | 'normal' | 'wide';
  /** What would be lost by a stray click beside it. */
  readonly isSticky?: boolean;
  readonly children: ReactNode;
}

export function Dialog({
  title,
  onClose,
  size = 'normal',
  isSticky = false,
  children,
}: DialogProps): React.JSX.Element {
  return (
    <ModalOverlay
      isOpen
      isDismissable={!isSticky}
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      className="veil"
    >
      <Modal className={`modal modal-${size}`}>
        <AriaDialog className="dialog">
          <header className="dialog-head">
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            <IconButton icon={X} label={t('Close')} size="small" onPress={onClose} />
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** `isText`: nothing in it takes the focus, so it does itself: else keys could not scroll it. */
export const DialogBody = ({
  isText = false,
  children,
}: {
  readonly isText?: boolean;
  readonly children: ReactNode;
}): React.JSX.Element => (
  <div className="dialog-body" {...(isText ? { tabIndex: 0 } : {})}>
    {children}
  </div>
);

export const DialogFoot = ({ children }: { readonly children: ReactNode }): React.JSX.Element => (
  <footer className="dialog-foot">{children}</footer>
);

export interface FormDialogProps {
  readonly title: string;
  readonly submit: string;
  readonly isDanger?: boolean;
  readonly canSubmit?: boolean;
  readonly size?: 'small' | 'normal' | 'wide';
  readonly onClose: () => void;
  /** Rejects with an error whose message is shown; the dialog then stays. */
  readonly onSubmit: () => Promise<void>;
  readonly children: ReactNode;
}

/** A form that is sent, waits for the answer, and closes only when it was accepted. */
export function FormDialog(props: FormDialogProps): React.JSX.Element {
  const { title, submit, isDanger = false, canSubmit = true, size = 'normal', onClose, children } = props;
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const send = async (): Promise<void> => {
    if (isBusy || !canSubmit) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await props.onSubmit();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} size={size} isSticky>
      <form
        className="dialog-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <DialogBody>
          {children}
          {problem === undefined ? null : <Problem text={problem} />}
        </DialogBody>
        <DialogFoot>
          <Button onPress={onClose}>{t('Cancel')}</Button>
          <Button
            kind={isDanger ? 'danger' : 'strong'}
            type="submit"
            isPending={isBusy}
            isDisabled={!canSubmit}
          >
            {submit}
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
