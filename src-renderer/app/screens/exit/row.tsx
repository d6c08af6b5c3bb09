/** The inside of a row of the picker: name, what is beside it, trouble or latency, the check of the one in use. */
import { Check } from 'lucide-react';
import { t } from '../../i18n/text.ts';
import { Foreign } from '../../lib/foreign.tsx';
import { useApp } from '../../store/store.ts';
import type { Node } from './model.ts';
import { latencyWords, noteOf, troubleOf } from './words.ts';

export type Use = 'none' | 'used' | 'wished';

export function RowTexts({ node, use }: { readonly node: Node; readonly use: Use }): React.JSX.Element {
  const nowMs = useApp(({ nowMs }) => nowMs);
  const option = node.kind === 'device' ? node : node.best;
  const trouble = troubleOf(option, nowMs);
  const latency = latencyWords(option);
  const note = noteOf(node);
  return (
    <>
      <span className="exit-names">
        <span className="exit-name">
          <Foreign text={node.name} max={80} />
        </span>
        {note === '' ? null : (
          <span className="exit-note">
            <Foreign text={note} max={120} />
          </span>
        )}
      </span>
      <span className="exit-end numbers">
        {trouble}
        {latency === undefined ? null : (
          <>
            {latency.time} <span className="exit-source">{latency.source}</span>
          </>
        )}
      </span>
      <Mark use={use} />
    </>
  );
}

export function Mark({ use }: { readonly use: Use }): React.JSX.Element {
  if (use === 'wished')
    return <span className="spinner exit-mark" role="img" aria-label={t('exit.switching')} />;
  return (
    <span className="exit-mark" data-in-use={use === 'used' ? '' : undefined}>
      {use === 'used' ? <Check role="img" aria-label={t('exit.inUse')} /> : null}
    </span>
  );
}
