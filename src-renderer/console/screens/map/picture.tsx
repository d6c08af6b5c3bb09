/** Dots on a circle and bows between them; the chosen dot's connections stand out and are told in words beside it. */
import { useRef, useState } from 'react';
import { Card } from '../../../ui/page.tsx';
import { plural, t } from '../../../ui/text.ts';
import { bow, type Dot, type Graph, type Line, type Placed, place } from './graph.ts';

/** Few dots stand closer, and so are drawn larger. */
const radiusFor = (count: number): number => Math.max(130, Math.min(320, count * 10 + 60));
const LABEL_ROOM = 170;
const GAP = 13;
/** Below it lines are seen one by one even when nothing is chosen. */
const FEW_LINES = 60;

export function Picture({
  graph,
  words,
}: {
  readonly graph: Graph;
  readonly words: string;
}): React.JSX.Element {
  const { dots, lines } = graph;
  const [chosenId, setChosen] = useState<string>();
  const [pointedId, setPointed] = useState<string>();
  const drawn = useRef(new Map<string, SVGGElement>());
  const active = pointedId ?? chosenId;
  const radius = radiusFor(dots.length);
  const places = new Map(dots.map((dot, n) => [dot.id, place(dots.length, n, radius)]));
  const wanted = words.trim().toLowerCase();
  const isFound = (dot: Dot): boolean => wanted !== '' && dot.name.toLowerCase().includes(wanted);
  const stop = chosenId ?? dots[0]?.id;
  const goTo = (index: number): void => {
    const dot = dots[index];
    if (dot === undefined) return;
    setChosen(dot.id);
    drawn.current.get(dot.id)?.focus();
  };
  const toggle = (id: string): void => setChosen(id === chosenId ? undefined : id);
  const side = radius + LABEL_ROOM;
  return (
    <div className="map">
      {/* biome-ignore lint/a11y/useSemanticElements: a picture of buttons, which belong together */}
      <svg
        className={`map-picture${active === undefined ? '' : ' map-active'}${lines.length <= FEW_LINES ? ' map-few' : ''}`}
        viewBox={`${-side} ${-radius - 40} ${2 * side} ${2 * radius + 80}`}
        role="group"
        aria-label={plural(lines.length, 'Map with {count} connection', 'Map with {count} connections')}
      >
        <defs>
          <marker
            id="map-arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="9"
            markerHeight="9"
            markerUnits="userSpaceOnUse"
            orient="auto-start-reverse"
          >
            <path d="M0 0 8 4 0 8z" className="map-arrow" />
          </marker>
        </defs>
        <g>
          {lines.map((line) => {
            const [from, to] = [places.get(line.from), places.get(line.to)];
            if (from === undefined || to === undefined) return null;
            const isLit = active !== undefined && (line.from === active || line.to === active);
            return (
              <path
                key={`${line.from} ${line.to}`}
                d={bow(from, to, GAP)}
                className={`map-line${isLit ? ' map-lit' : ''}`}
                markerEnd="url(#map-arrow)"
                markerStart={line.isMutual ? 'url(#map-arrow)' : undefined}
              />
            );
          })}
        </g>
        {dots.map((dot, n) => {
          const at = places.get(dot.id);
          if (at === undefined) return null;
          const marks = `${dot.id === active ? ' map-on' : ''}${isFound(dot) ? ' map-found' : ''}`;
          return (
            // biome-ignore lint/a11y/useSemanticElements: a button element cannot be drawn inside a picture
            <g
              key={dot.id}
              ref={(element) => {
                if (element !== null) drawn.current.set(dot.id, element);
              }}
              role="button"
              tabIndex={dot.id === stop ? 0 : -1}
              aria-pressed={dot.id === chosenId}
              aria-label={inWords(dot, lines)}
              className={`map-dot map-${dot.kind}${marks}`}
              transform={`translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`}
              onClick={() => toggle(dot.id)}
              onPointerEnter={() => setPointed(dot.id)}
              onPointerLeave={() => setPointed(undefined)}
              onKeyDown={(event) => {
                const next = dotAfter(event.key, n, dots.length);
                if (next !== undefined) goTo(next);
                else if (event.key === 'Enter' || event.key === ' ') toggle(dot.id);
                else if (event.key === 'Escape') setChosen(undefined);
                else return;
                event.preventDefault();
              }}
            >
              <Mark dot={dot} at={at} />
            </g>
          );
        })}
      </svg>
      <Side graph={graph} active={chosenId ?? pointedId} />
    </div>
  );
}

/** Round the circle; undefined for keys that lead nowhere. */
function dotAfter(key: string, from: number, count: number): number | undefined {
  if (key === 'ArrowRight' || key === 'ArrowDown') return (from + 1) % count;
  if (key === 'ArrowLeft' || key === 'ArrowUp') return (from - 1 + count) % count;
  if (key === 'Home') return 0;
  return key === 'End' ? count - 1 : undefined;
}

function Mark({ dot, at: { angle, isLeft } }: { readonly dot: Dot; readonly at: Placed }): React.JSX.Element {
  const [right, down] = [Math.cos(angle), Math.sin(angle)];
  const below = down > 0.9 ? '0.9em' : '0.35em';
  const beside = isLeft ? 'end' : 'start';
  return (
    <>
      <circle r="14" className="map-target" />
      {dot.kind === 'tag' ? (
        <rect x="-8" y="-8" width="16" height="16" rx="3" className="map-shape" />
      ) : (
        <circle r="8.5" className="map-shape" />
      )}
      <text
        x={right * 18}
        y={down * 18}
        dy={down < -0.9 ? '-0.1em' : below}
        textAnchor={Math.abs(right) < 0.1 ? 'middle' : beside}
      >
        {dot.name.length > 24 ? `${dot.name.slice(0, 23)}…` : dot.name}
        {dot.machines.length > 1 ? ` (${dot.machines.length})` : ''}
      </text>
    </>
  );
}

const reached = (lines: readonly Line[], id: string): readonly string[] =>
  lines.flatMap(({ from, to, isMutual }) => (from === id ? [to] : to === id && isMutual ? [from] : []));
const reaching = (lines: readonly Line[], id: string): readonly string[] =>
  lines.flatMap(({ from, to, isMutual }) => (to === id ? [from] : from === id && isMutual ? [to] : []));

const inWords = (dot: Dot, lines: readonly Line[]): string =>
  t('{name}, reaches {out}, reached by {in}', {
    name: dot.name,
    out: reached(lines, dot.id).length,
    in: reaching(lines, dot.id).length,
  });

function Side({
  graph: { dots, lines },
  active,
}: {
  readonly graph: Graph;
  readonly active: string | undefined;
}): React.JSX.Element {
  const dot = dots.find(({ id }) => id === active);
  if (dot === undefined)
    return (
      <Card title={t('How to read it')}>
        <ul className="stack">
          <li>{t('A line is a connection that may be begun, in the direction of its arrow.')}</li>
          <li>{t('A round dot is a person or a machine; a square one is a tag.')}</li>
          <li>{t('Arrow keys go from dot to dot.')}</li>
        </ul>
      </Card>
    );
  const names = new Map(dots.map(({ id, name }) => [id, name]));
  const list = (ids: readonly string[]): readonly string[] => ids.map((id) => names.get(id) ?? '').sort();
  return (
    <Card title={dot.name} about={plural(dot.machines.length, '{count} machine', '{count} machines')}>
      {dot.isInner ? <p>{t('Its machines reach one another.')}</p> : null}
      <Names title={t('May reach')} names={list(reached(lines, dot.id))} />
      <Names title={t('May be reached by')} names={list(reaching(lines, dot.id))} />
    </Card>
  );
}

const MOST = 30;

function Names({
  title,
  names,
}: {
  readonly title: string;
  readonly names: readonly string[];
}): React.JSX.Element {
  return (
    <div>
      <h3>
        {title} <span className="soft">({names.length})</span>
      </h3>
      {names.length === 0 ? <p className="soft">{t('nobody')}</p> : null}
      <ul>
        {names.slice(0, MOST).map((name) => (
          <li key={name}>{name}</li>
        ))}
        {names.length > MOST ? (
          <li className="soft">{t('and {count} more', { count: names.length - MOST })}</li>
        ) : null}
      </ul>
    </div>
  );
}
