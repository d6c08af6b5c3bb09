/** The audit log: who changed what and when, newest first, page by page; and whether the log itself is whole. */
import { ScrollText, ShieldCheck } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { AuditEvent } from '#shared/console/shapes.ts';
import { Badge } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { Dialog, DialogBody } from '../../../ui/dialog.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { type Column, Grid } from '../../../ui/grid.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Fact, Facts, Page } from '../../../ui/page.tsx';
import { plural, t } from '../../../ui/text.ts';
import { formatExact, When } from '../../../ui/time.tsx';
import { tellDone, tellFailed } from '../../../ui/toast.tsx';
import { call, problemText } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { sentence } from '../../app/act.ts';
import { Loaded } from '../../app/loaded.tsx';
import { worded } from './worded.ts';
import './audit.css';

const PAGE = 100;
const ACTIONS = ['any', 'create', 'update', 'delete', 'approve', 'login', 'logout', 'denied'] as const;

export function AuditScreen(): React.JSX.Element {
  const [action, setAction] = useState<(typeof ACTIONS)[number]>('any');
  const [words, setWords] = useState('');
  const arg = { limit: PAGE, ...(action === 'any' ? {} : { action }) };
  const query = useQuery('audit.list', arg);
  const [older, setOlder] = useState<readonly AuditEvent[]>([]);
  const [next, setNext] = useState<number | null>();
  const [open, setOpen] = useState<AuditEvent>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question begins without older pages
  useEffect(() => {
    setOlder([]);
    setNext(undefined);
  }, [action]);
  const more = async (beforeSeq: number): Promise<void> => {
    try {
      const page = await call('audit.list', { ...arg, beforeSeq });
      setOlder((known) => [...known, ...page.events]);
      setNext(page.next);
    } catch (error) {
      tellFailed(sentence(problemText(error)));
    }
  };
  return (
    <Page
      title={t('Audit log')}
      about={t(
        'Every change by a person, a program or the server itself. Entries are chained, so that none can be altered unnoticed.',
      )}
      actions={
        <Button icon={ShieldCheck} onPress={() => void verify()}>
          {t('Verify')}
        </Button>
      }
    >
      <div className="row">
        <SearchField
          label={t('Search what is shown')}
          value={words}
          onChange={setWords}
          placeholder={t('Who, what, from where')}
        />
        <Select
          label={t('Action')}
          isBare
          value={action}
          onChange={setAction}
          options={ACTIONS.map((id) => ({ id, text: id === 'any' ? t('any') : id }))}
        />
      </div>
      <Loaded query={query} what={t('the audit log')}>
        {(page) => {
          const last = older.at(-1)?.seq ?? page.events.at(-1)?.seq;
          const seen = new Set(page.events.map(({ seq }) => seq));
          const all = [...page.events, ...older.filter(({ seq }) => !seen.has(seq))];
          const shown = all.filter((event) => textOf(event).includes(words.toLowerCase()));
          const hasMore = (next === undefined ? page.next : next) !== null;
          return (
            <>
              <Grid
                label={t('Entries')}
                rows={shown}
                columns={columns}
                idOf={({ seq }) => String(seq)}
                nameOf={(event) => `${plain(event.action)} ${targetText(event)}, ${actorText(event)}`}
                rowRem={3.25}
                onOpen={setOpen}
                empty={<EmptyState icon={ScrollText} title={t('No entries')} />}
              />
              <div className="row">
                <span className="soft">{plural(shown.length, '{count} entry', '{count} entries')}</span>
                {hasMore && last !== undefined ? (
                  <Button onPress={() => void more(last)}>{t('Show older ones')}</Button>
                ) : null}
              </div>
            </>
          );
        }}
      </Loaded>
      {open === undefined ? null : <EventDialog event={open} onClose={() => setOpen(undefined)} />}
    </Page>
  );
}

async function verify(): Promise<void> {
  try {
    const { ok, rows, problem } = await call('audit.verify', {});
    if (ok) tellDone(plural(rows, 'The log is whole: {count} entry', 'The log is whole: {count} entries'));
    else tellFailed(t('The log was altered: {problem}', { problem: problem ?? '' }));
  } catch (error) {
    tellFailed(sentence(problemText(error)));
  }
}

const actorText = ({ actor, origin }: AuditEvent): string => actor.displayName || actor.loginName || origin;
/** The log's own words are those of the public API, in capitals. */
const plain = (word: string): string => word.toLowerCase().replaceAll('_', ' ');
const originText = (origin: string): string => (origin === 'CLI' ? t('command line') : plain(origin));
/** "user ann", "policy", "DNS settings": the kind only where the name does not say it already. */
function targetText({ target }: AuditEvent): string {
  const [kind, name] = [plain(target.type), target.name || target.id];
  const isSaid = name.toLowerCase().startsWith(kind);
  return [isSaid ? '' : kind, name, target.property].filter(Boolean).join(' ');
}
const textOf = (event: AuditEvent): string =>
  `${event.action} ${actorText(event)} ${targetText(event)} ${event.remoteAddr ?? ''} ${event.actionDetails ?? ''}`.toLowerCase();

const columns: readonly Column<AuditEvent>[] = [
  {
    id: 'what',
    title: t('What'),
    track: 'minmax(10rem, 2.4fr)',
    cell: (event) => (
      <div className="grid-two">
        <span>
          <Badge tone={/^(delete|denied)$/i.test(event.action) ? 'bad' : 'quiet'}>
            {plain(event.action)}
          </Badge>{' '}
          <strong>{targetText(event)}</strong>
        </span>
        <span className="grid-note">{summary(event)}</span>
      </div>
    ),
  },
  {
    id: 'who',
    title: t('Who'),
    track: 'minmax(8rem, 1fr)',
    fromRem: 34,
    cell: (event) => (
      <div className="grid-two">
        <span>{actorText(event)}</span>
        <span className="grid-note">
          {actorText(event) === plain(event.origin) ? '' : originText(event.origin)}
        </span>
      </div>
    ),
  },
  {
    id: 'when',
    title: t('When'),
    track: 'minmax(7rem, 0.7fr)',
    cell: ({ eventTime }) => <When at={eventTime} />,
  },
];

function summary(event: AuditEvent): string {
  if (event.actionDetails !== undefined && event.actionDetails !== '') return event.actionDetails;
  if (event.old !== undefined && event.new !== undefined)
    return `${short(worded(event.old))} → ${short(worded(event.new))}`.replace(/^— → /, '');
  return short(worded(event.new ?? event.old ?? ''));
}

const short = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text);

function EventDialog({
  event,
  onClose,
}: {
  readonly event: AuditEvent;
  readonly onClose: () => void;
}): React.JSX.Element {
  return (
    <Dialog title={`${plain(event.action)} ${targetText(event)}`} onClose={onClose}>
      <DialogBody>
        <Facts>
          <Fact name={t('When')}>{formatExact(Date.parse(event.eventTime))}</Fact>
          <Fact name={t('Who')}>
            {actorText(event)} <span className="soft">({plain(event.actor.type)})</span>
          </Fact>
          <Fact name={t('By')}>{originText(event.origin)}</Fact>
          {event.remoteAddr === undefined ? null : <Fact name={t('From')}>{event.remoteAddr}</Fact>}
          <Fact name={t('Number')}>{event.seq}</Fact>
          {event.actionDetails === undefined ? null : <Fact name={t('Details')}>{event.actionDetails}</Fact>}
        </Facts>
        {event.old === undefined ? null : <Value title={t('Before')} text={event.old} />}
        {event.new === undefined ? null : <Value title={t('After')} text={event.new} />}
      </DialogBody>
    </Dialog>
  );
}

const Value = ({ title, text }: { readonly title: string; readonly text: string }): React.JSX.Element => (
  <div>
    <h3>{title}</h3>
    <pre className="audit-value">{pretty(text)}</pre>
  </div>
);

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // not every value is JSON
  }
}
