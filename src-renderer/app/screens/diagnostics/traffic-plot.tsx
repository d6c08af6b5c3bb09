/** The live plot on a canvas: in above the line, out below, what went by relays darker within; arrow keys read a second. */
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import uPlot, { type AlignedData, type Options } from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { TrafficSeries } from '#shared/bridge/contract.ts';
import { formatClock, formatRate } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { columnsOf } from './traffic-model.ts';

const HEIGHT = 240;

interface Colours {
  readonly in: string;
  readonly out: string;
  readonly relayed: string;
  readonly line: string;
  readonly text: string;
}

/** Canvas knows no custom properties: they are read from the page as it is now. */
function coloursOf(element: HTMLElement): Colours {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(name).trim() || style.color;
  const probe = document.createElement('span');
  element.append(probe);
  const resolved = (name: string): string => {
    probe.style.color = of(name);
    return getComputedStyle(probe).color;
  };
  const colours = {
    in: resolved('--accent'),
    out: resolved('--good-dot'),
    relayed: resolved('--warn-dot'),
    line: resolved('--line'),
    text: resolved('--soft'),
  };
  probe.remove();
  return colours;
}

function optionsFor(width: number, colours: Colours, font: string): Options {
  const axis = {
    stroke: colours.text,
    font,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
  };
  const area = (colour: string, part: number) => ({
    stroke: colour,
    width: 1.5,
    fill: colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${part})`),
    points: { show: false },
  });
  return {
    width,
    height: HEIGHT,
    padding: [8, 40, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    scales: { y: { range: (_plot, min, max) => rangeOf(min, max) } },
    axes: [
      { ...axis, values: (_plot, at) => at.map((second) => formatClock(second * 1_000)), space: 90 },
      { ...axis, values: (_plot, at) => at.map((value) => formatRate(Math.abs(value))), size: 80 },
    ],
    series: [
      {},
      area(colours.in, 0.25),
      area(colours.relayed, 0.35),
      area(colours.out, 0.25),
      area(colours.relayed, 0.35),
    ],
  };
}

/** As far down as up, so that the line in the middle stays where it is. */
function rangeOf(min: number | null, max: number | null): [number, number] {
  const most = Math.max(Math.abs(min ?? 0), Math.abs(max ?? 0), 1_000);
  return [-most * 1.1, most * 1.1];
}

export function TrafficPlot({
  series,
  summary,
}: {
  readonly series: TrafficSeries;
  readonly summary: string;
}): React.JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const columns = columnsOf(series);
  const [at, setAt] = useState<number>();
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const make = (): uPlot => {
      const { fontFamily } = getComputedStyle(element);
      const made = new uPlot(
        optionsFor(element.clientWidth, coloursOf(element), `12px ${fontFamily}`),
        [[], [], [], [], []],
        element,
      );
      made.over.addEventListener('mousemove', () => setAt(made.cursor.idx ?? undefined));
      made.over.addEventListener('mouseleave', () => setAt(undefined));
      return made;
    };
    plot.current = make();
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    resized.observe(element);
    // Another theme: its colours are drawn in.
    const again = (): void => {
      const data = plot.current?.data;
      plot.current?.destroy();
      plot.current = make();
      if (data !== undefined) plot.current.setData(data);
    };
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', again);
    const themed = new MutationObserver(again);
    themed.observe(document.documentElement, { attributeFilter: ['data-theme', 'data-contrast'] });
    return () => {
      resized.disconnect();
      themed.disconnect();
      dark.removeEventListener('change', again);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, []);
  useEffect(() => {
    const data: AlignedData = [[...columns[0]], ...columns.slice(1).map((column) => [...column])];
    plot.current?.setData(data);
  });
  const count = columns[0].length;
  const onKeyDown = (event: KeyboardEvent): void => {
    const from = at ?? count - 1;
    const next = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: count - 1 }[event.key];
    if (next === undefined || count === 0) return;
    event.preventDefault();
    setAt(Math.max(0, Math.min(count - 1, next)));
  };
  return (
    <div className="traffic">
      <div
        ref={box}
        className="traffic-plot"
        role="img"
        aria-label={`${summary} ${t('traffic.keys')}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keys need a place to be pressed
        tabIndex={0}
        onKeyDown={onKeyDown}
        onBlur={() => setAt(undefined)}
      />
      <div className="traffic-legend">
        <span className="traffic-key traffic-in">{t('traffic.in')}</span>
        <span className="traffic-key traffic-out">{t('traffic.out')}</span>
        <span className="traffic-key traffic-relayed">{t('traffic.byRelay')}</span>
        <span className="traffic-reading numbers" aria-live="polite">
          {readingOf(columns, at)}
        </span>
      </div>
    </div>
  );
}

function readingOf(columns: ReturnType<typeof columnsOf>, at: number | undefined): string {
  if (at === undefined) return '';
  const second = columns[0][at];
  if (second === undefined) return '';
  return t('traffic.reading', {
    time: formatClock(second * 1_000),
    in: formatRate(columns[1][at] ?? 0),
    out: formatRate(Math.abs(columns[3][at] ?? 0)),
  });
}
