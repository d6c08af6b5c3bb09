/** Who can reach what, and why: asked of the policy in force, or of the one that is being written. */
import { Search } from 'lucide-react';
import { useState } from 'react';
import type { PolicyExplanation } from '#shared/console/shapes.ts';
import { Badge } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Notice, Problem } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { call, problemText } from '../../api/client.ts';
import { sentence } from '../../app/act.ts';

const PROTOCOLS = ['any', 'tcp', 'udp', 'icmp'] as const;

type Answer =
  | { readonly kind: 'none' | 'asking' }
  | { readonly kind: 'found'; readonly found: PolicyExplanation; readonly question: string }
  | { readonly kind: 'failed'; readonly problem: string };

export function Explain({ draft }: { readonly draft: string | undefined }): React.JSX.Element {
  const [src, setSrc] = useState('');
  const [dst, setDst] = useState('');
  const [proto, setProto] = useState<(typeof PROTOCOLS)[number]>('any');
  const [answer, setAnswer] = useState<Answer>({ kind: 'none' });
  const ask = async (): Promise<void> => {
    setAnswer({ kind: 'asking' });
    try {
      const found = await call('policy.explain', {
        ...{ src: src.trim(), dst: dst.trim() },
        ...(proto === 'any' ? {} : { proto }),
        ...(draft === undefined ? {} : { text: draft }),
      });
      setAnswer({ kind: 'found', found, question: `${src.trim()} → ${dst.trim()}` });
    } catch (error) {
      setAnswer({ kind: 'failed', problem: sentence(problemText(error)) });
    }
  };
  const canAsk = src.trim() !== '' && dst.trim() !== '';
  return (
    <>
      {draft === undefined ? null : (
        <Notice>{t('This asks the text that you are writing, not the policy in force.')}</Notice>
      )}
      <form
        className="explain"
        onSubmit={(event) => {
          event.preventDefault();
          if (canAsk) void ask();
        }}
      >
        <TextField
          label={t('From')}
          value={src}
          onChange={setSrc}
          isMono
          placeholder="laptop"
          help={t('A machine, user, group, tag or address')}
        />
        <TextField
          label={t('To')}
          value={dst}
          onChange={setDst}
          isMono
          placeholder="tag:server:443"
          help={t('The same, with a port if you like')}
        />
        <Select
          label={t('Protocol')}
          value={proto}
          onChange={setProto}
          options={PROTOCOLS.map((id) => ({ id, text: id === 'any' ? t('any') : id.toUpperCase() }))}
        />
        <Button
          kind="strong"
          type="submit"
          icon={Search}
          isDisabled={!canAsk}
          isPending={answer.kind === 'asking'}
        >
          {t('Explain')}
        </Button>
      </form>
      <div aria-live="polite">
        {answer.kind === 'failed' ? <Problem text={answer.problem} /> : null}
        {answer.kind === 'found' ? <Found found={answer.found} question={answer.question} /> : null}
      </div>
    </>
  );
}

function Found({
  found: { verdict, reasons, rules, enforced_by },
  question,
}: {
  readonly found: PolicyExplanation;
  readonly question: string;
}): React.JSX.Element {
  const word = {
    allowed: <Badge tone="good">{t('Allowed')}</Badge>,
    partly: <Badge tone="warn">{t('Allowed in part')}</Badge>,
    denied: <Badge tone="bad">{t('Denied')}</Badge>,
  }[verdict];
  return (
    <Card title={question} actions={word}>
      <ul className="reasons">
        {reasons.map((reason) => (
          <li key={reason}>{sentence(reason)}</li>
        ))}
      </ul>
      {rules.length === 0 ? null : (
        <div>
          <h3>{t('Rules that allow it')}</h3>
          <ul className="plain-list">
            {rules.map(({ line, text }) => (
              <li key={`${line} ${text}`}>
                <code>{text}</code>
                <span className="soft">{t('line {line}', { line })}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      {enforced_by.length === 0 ? null : (
        <p className="soft">
          {t('Judged on: {machines}', { machines: enforced_by.slice(0, 20).join(', ') })}
        </p>
      )}
    </Card>
  );
}
