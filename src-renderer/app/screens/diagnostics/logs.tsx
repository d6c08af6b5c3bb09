/** The last lines of the daemon's log, as they are written, by level, module and words. */
import { ScrollText } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { Badge, type Tone } from '../../../ui/badge.tsx';
import { Select } from '../../../ui/choice.tsx';
import { copyText } from '../../../ui/copy.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { type Column, Grid } from '../../../ui/grid.tsx';
import { EmptyState, Problem, Skeleton } from '../../../ui/notice.tsx';
import { Switch } from '../../../ui/toggle.tsx';
import { formatClock } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { ask, failureText } from '../../store/act.ts';
import { useApp, useMayManage } from '../../store/store.ts';
import { filterLines, LEVELS, type LogLevel, type LogLine, modulesOf, withLines } from './log-model.ts';
import { TabTools } from './tab-tools.tsx';

const ALL = 'all';
const NO_LINES: readonly LogLine[] = [];

interface Followed {
  readonly lines: readonly LogLine[] | undefined;
  readonly problem: string | undefined;
}

function useLog(isFollowing: boolean): Followed {
  const bridge = useApp((state) => state.bridge);
  const [lines, setLines] = useState<readonly LogLine[]>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    if (bridge === undefined) return;
    let isGone = false;
    const off = bridge.on('log', (more) => setLines((before) => withLines(before ?? NO_LINES, more)));
    ask('log.tail', { follow: isFollowing }).then(
      (all) => {
        if (!isGone) setLines(withLines(NO_LINES, all));
      },
      (error: unknown) => {
        if (!isGone) setProblem(failureText(error));
      },
    );
    return () => {
      isGone = true;
      off();
      // A page that is gone is forgotten anyway.
      if (isFollowing) void ask('log.tail', { follow: false }).catch(() => undefined);
    };
  }, [bridge, isFollowing]);
  return { lines, problem };
}

export function Logs(): React.JSX.Element {
  const mayManage = useMayManage();
  if (!mayManage)
    return (
      <EmptyState icon={ScrollText} title={t('logs.notAllowed')}>
        {t('logs.notAllowedText')}
      </EmptyState>
    );
  return <Shown />;
}

function Shown(): React.JSX.Element {
  const [isFollowing, setFollowing] = useState(true);
  const [level, setLevel] = useState<LogLevel>('info');
  const [module, setModule] = useState(ALL);
  const [words, setWords] = useState('');
  const { lines, problem } = useLog(isFollowing);
  const shown = useMemo(
    () => filterLines(lines ?? NO_LINES, { level, module: module === ALL ? '' : module, words }).toReversed(),
    [lines, level, module, words],
  );
  const modules = useMemo(() => modulesOf(lines ?? NO_LINES), [lines]);
  const columns = useMemo(columnsOf, []);
  if (problem !== undefined) return <Problem text={problem} />;
  if (lines === undefined) return <Skeleton rows={10} />;
  return (
    <div className="diagnostics-tab logs">
      <div className="logs-tools">
        <SearchField label={t('logs.search')} value={words} onChange={setWords} />
        <Select
          label={t('logs.level')}
          isBare
          value={level}
          onChange={setLevel}
          options={LEVELS.map((id) => ({ id, text: t(`logs.level.${id}`) }))}
        />
        <Select
          label={t('logs.module')}
          isBare
          value={module}
          onChange={setModule}
          options={[
            { id: ALL, text: t('logs.allModules') },
            ...modules.map((id) => ({ id, text: cut(id, 40) })),
          ]}
        />
        <Switch isSelected={isFollowing} onChange={setFollowing}>
          {t('logs.follow')}
        </Switch>
        <TabTools textOf={() => shown.toReversed().map(lineText).join('\n')} />
      </div>
      <Grid
        label={t('diagnostics.tab.logs')}
        rows={shown}
        columns={columns}
        idOf={({ id }) => String(id)}
        nameOf={lineText}
        rowRem={2.25}
        isFilled
        onCopy={(line) => void copyText(lineText(line))}
        empty={<EmptyState icon={ScrollText} title={t('logs.nothing')} />}
      />
    </div>
  );
}

const lineText = ({ atMs, level, module, text }: LogLine): string =>
  `${atMs === undefined ? '' : `${new Date(atMs).toISOString()} `}${level} ${module === '' ? '' : `${module}: `}${cut(text, 2_000)}`;

const TONES: Readonly<Record<LogLevel, Tone>> = { debug: 'quiet', info: 'quiet', warn: 'warn', error: 'bad' };

const columnsOf = (): readonly Column<LogLine>[] => [
  {
    id: 'time',
    title: t('device.when'),
    track: '6rem',
    fromRem: 34,
    cell: ({ atMs }) => <span className="numbers soft">{atMs === undefined ? '' : formatClock(atMs)}</span>,
  },
  {
    id: 'level',
    title: t('logs.level'),
    track: '6.5rem',
    fromRem: 20,
    cell: ({ level }) => <Badge tone={TONES[level]}>{t(`logs.level.${level}`)}</Badge>,
  },
  {
    id: 'module',
    title: t('logs.module'),
    track: '8rem',
    fromRem: 44,
    cell: ({ module }) => cut(module, 30),
  },
  {
    id: 'text',
    title: t('logs.text'),
    track: 'minmax(10rem, 1fr)',
    cell: ({ text }) => (
      <span className="mono" title={cut(text, 600)}>
        {cut(text, 300)}
      </span>
    ),
  },
];
