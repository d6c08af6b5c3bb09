/**
 * A table for ten rows or ten thousand: only what is in view is in the page. One tab stop for all rows, arrows within,
 * Space selects, Enter opens, Right goes to what a row holds (WAI-ARIA grid pattern, rows as the unit of focus).
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp, EllipsisVertical } from 'lucide-react';
import {
  type KeyboardEvent,
  type MouseEvent,
  memo,
  type ReactNode,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { Button as AriaButton } from 'react-aria-components';
import { moveFor } from './grid-keys.ts';
import { type Action, Menu } from './menu.tsx';
import { plural, t } from './text.ts';
import { BareCheckbox } from './toggle.tsx';
import { useBar } from './use-bar.ts';
import { useRoom } from './use-width.ts';
import './grid.css';
import './button.css';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** A track of CSS grid, such as `minmax(10rem, 2fr)`. */
  readonly track: string;
  /** Shown only where the grid is at least this wide. */
  readonly fromRem?: number;
  readonly isSortable?: boolean;
  /** `isNarrow`: there is room for little else. */
  readonly cell: (row: Row, isNarrow: boolean) => ReactNode;
}

export interface Sort {
  readonly column: string;
  readonly isDescending: boolean;
}

export interface GridSelection {
  readonly ids: ReadonlySet<string>;
  readonly onChange: (ids: ReadonlySet<string>) => void;
}

export interface GridProps<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly idOf: (row: Row) => string;
  /** What is read out on arriving at a row: what distinguishes it comes first. */
  readonly nameOf: (row: Row) => string;
  /** Read out after the name, by who wants to know more. */
  readonly describe?: (row: Row) => string;
  readonly rowRem?: number;
  /** Takes the height of its parent and scrolls; else it is as tall as its rows. */
  readonly isFilled?: boolean;
  readonly sort?: Sort;
  readonly onSort?: (sort: Sort) => void;
  readonly selection?: GridSelection;
  readonly onOpen?: (row: Row) => void;
  /** The row whose content is shown beside the table. */
  readonly openId?: string;
  readonly actionsOf?: (row: Row) => readonly (readonly Action[])[];
  /** Ctrl C on a row, unless some text is selected. */
  readonly onCopy?: (row: Row) => void;
  /** The row is a heading of those that follow, and this is what it says. */
  readonly headingOf?: (row: Row) => ReactNode | undefined;
  /** Shown instead of rows. */
  readonly empty?: ReactNode;
}

/** Below it the columns' own least widths would not fit. */
const NARROW_REM = 26;
const HEADING_REM = 2.25;
/** Rows beyond the view, for a turn of the wheel; each is drawn again with every key that is searched for. */
const OVERSCAN = 5;
const FOCUSABLE = 'a[href], button:not(:disabled), input:not(:disabled)';

export function Grid<Row>(props: GridProps<Row>): React.JSX.Element {
  const { label, rows, idOf, rowRem = 3, isFilled = false, selection, actionsOf } = props;
  const root = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const { widthRem, remPx } = useRoom(root);
  const isNarrow = widthRem < NARROW_REM;
  useBar(root, scroller, rows.length > 0);
  // The same array while nothing changed: scrolling renders only the rows that come into view.
  const columns = useMemo(
    () => props.columns.filter(({ fromRem }) => (fromRem ?? 0) <= widthRem),
    [props.columns, widthRem],
  );
  const headings = useMemo(() => placesOfHeadings(rows, props.headingOf), [rows, props.headingOf]);
  // Without keys of its own: asked for those of new rows it would lay out thousands anew at each step of the wheel.
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => {
      const row = rows[index];
      const isHeading = row !== undefined && props.headingOf?.(row) !== undefined;
      return (isHeading ? HEADING_REM : rowRem) * remPx;
    },
    overscan: OVERSCAN,
    initialRect: { width: 800, height: 600 },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: all that says how high rows are
  useLayoutEffect(() => virtualizer.measure(), [virtualizer, remPx, rowRem, headings]);

  const [current, setCurrent] = useState(0);
  const at = Math.min(current, Math.max(0, rows.length - 1));
  const anchor = useRef(0);
  const wantsFocus = useRef(false);
  useEffect(() => {
    if (!wantsFocus.current) return;
    const row = root.current?.querySelector<HTMLElement>(`[data-index="${at}"]`);
    if (row === null || row === undefined) return;
    wantsFocus.current = false;
    row.focus({ preventScroll: true });
  });

  const goTo = (row: number, extend: boolean): void => {
    if (rows.length === 0) return;
    wantsFocus.current = true;
    setCurrent(row);
    virtualizer.scrollToIndex(row, { align: 'auto' });
    if (extend) selectRange(anchor.current, row);
    else anchor.current = row;
  };
  const selectRange = (from: number, to: number): void => {
    if (selection === undefined) return;
    const some = rows.slice(Math.min(from, to), Math.max(from, to) + 1).map(idOf);
    selection.onChange(new Set([...selection.ids, ...some]));
  };
  const toggle = (index: number): void => {
    const row = rows[index];
    if (selection === undefined || row === undefined) return;
    const next = new Set(selection.ids);
    if (!next.delete(idOf(row))) next.add(idOf(row));
    anchor.current = index;
    selection.onChange(next);
  };
  const selectAll = (): void => selection?.onChange(new Set(rows.map(idOf)));

  const onClick = (index: number, event: MouseEvent): void => {
    if (isWidget(event)) return;
    setCurrent(index);
    const row = rows[index];
    if (event.shiftKey) selectRange(anchor.current, index);
    else if (event.ctrlKey || event.metaKey) toggle(index);
    else if (row !== undefined) props.onOpen?.(row);
  };
  const hands = useRef<Hands>({ onClick, toggle, setCurrent });
  useLayoutEffect(() => {
    hands.current = { onClick, toggle, setCurrent };
  });

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const place = {
      row: at,
      rowCount: rows.length,
      rowsPerPage: Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / (rowRem * remPx)) - 1),
    };
    const held = { ctrl: event.ctrlKey || event.metaKey, shift: event.shiftKey, alt: event.altKey };
    const move = moveFor(place, { key: event.key, ...held });
    const target = event.target as HTMLElement;
    const row = target.closest<HTMLElement>('[data-index]');
    if (move === undefined || row === null) return;
    // What stands in a row keeps its own keys, but for the way back to the row.
    const isInside = target !== row;
    if (isInside && move.do !== 'into' && move.do !== 'out' && move.do !== 'go' && move.do !== 'menu') return;
    carryOut(move, row, target, event);
  };
  const carryOut = (
    move: NonNullable<ReturnType<typeof moveFor>>,
    row: HTMLElement,
    target: HTMLElement,
    event: KeyboardEvent,
  ): void => {
    switch (move.do) {
      case 'go':
        event.preventDefault();
        goTo(move.row, move.extend);
        return;
      case 'open': {
        const opened = rows[at];
        if (opened !== undefined) props.onOpen?.(opened);
        return;
      }
      case 'toggle':
        event.preventDefault();
        toggle(at);
        return;
      case 'toggle-range':
        event.preventDefault();
        selectRange(anchor.current, at);
        return;
      case 'select-all':
        event.preventDefault();
        selectAll();
        return;
      case 'clear':
        if (selection !== undefined && selection.ids.size > 0) selection.onChange(new Set());
        return;
      case 'menu':
        event.preventDefault();
        row.querySelector<HTMLElement>('[data-row-menu]')?.click();
        return;
      case 'copy': {
        const copied = rows[at];
        if (copied === undefined || props.onCopy === undefined || getSelection()?.toString() !== '') return;
        event.preventDefault();
        props.onCopy(copied);
        return;
      }
      case 'into':
      case 'out':
        event.preventDefault();
        step(row, target, move.do === 'into' ? 1 : -1);
        return;
      case 'search':
        document.querySelector<HTMLElement>('input[data-search]')?.focus();
        return;
      default:
        move satisfies never;
    }
  };

  const allSelected =
    selection !== undefined && rows.length > 0 && rows.every((row) => selection.ids.has(idOf(row)));
  const template = [
    ...(selection === undefined ? [] : ['2.25rem']),
    ...columns.map(({ track }) => (isNarrow ? track.replace(/minmax\([^,]+,/, 'minmax(0,') : track)),
    ...(actionsOf === undefined ? [] : ['2.5rem']),
  ].join(' ');
  const total = virtualizer.getTotalSize();

  return (
    <div
      ref={root}
      role="grid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length + (selection === undefined ? 0 : 1) + (actionsOf === undefined ? 0 : 1)}
      aria-multiselectable={selection === undefined ? undefined : true}
      className={`grid${isFilled ? ' grid-filled' : ''}${props.onOpen === undefined ? '' : ' grid-opens'}`}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" className="grid-head">
        <div role="row" aria-rowindex={1} className="grid-row" style={{ gridTemplateColumns: template }}>
          {selection === undefined ? null : (
            <div role="columnheader" className="grid-cell">
              <BareCheckbox
                label={t('Select all')}
                isSelected={allSelected}
                isIndeterminate={selection.ids.size > 0 && !allSelected}
                onChange={(isSelected) => (isSelected ? selectAll() : selection.onChange(new Set()))}
              />
            </div>
          )}
          {columns.map((column) => (
            <HeadCell key={column.id} column={column} sort={props.sort} onSort={props.onSort} />
          ))}
          {actionsOf === undefined ? null : (
            <div role="columnheader" className="grid-cell">
              <span className="visually-hidden">{t('Actions')}</span>
            </div>
          )}
        </div>
      </div>
      {rows.length === 0 ? (
        <div role="rowgroup">
          <div role="row">
            <div role="gridcell" aria-colspan={columns.length}>
              {props.empty ?? <p className="grid-empty">{t('Nothing here')}</p>}
            </div>
          </div>
        </div>
      ) : (
        <div ref={scroller} role="rowgroup" className="grid-body">
          <div role="presentation" className="grid-space" style={{ height: `${total}px` }}>
            {virtualizer.getVirtualItems().map(({ index, start, size }) => {
              const row = rows[index];
              if (row === undefined) return null;
              const isSelected = selection?.ids.has(idOf(row)) === true;
              return (
                <GridRow
                  key={idOf(row)}
                  {...{ row, index, start, size, template, columns, isNarrow, isSelected, hands }}
                  name={props.nameOf(row)}
                  description={props.describe?.(row) ?? ''}
                  isCurrent={index === at}
                  isOpen={props.openId !== undefined && idOf(row) === props.openId}
                  isSelectable={selection !== undefined}
                  actionsOf={actionsOf}
                  heading={props.headingOf?.(row)}
                />
              );
            })}
          </div>
        </div>
      )}
    </div>
  );
}

/** As a text, so that it is the same while it says the same. */
const placesOfHeadings = <Row,>(rows: readonly Row[], headingOf: GridProps<Row>['headingOf']): string =>
  headingOf === undefined
    ? ''
    : rows.flatMap((row, index) => (headingOf(row) === undefined ? [] : [index])).join();

/** What is written may still be copied with the menu of the browser, and a link opened. */
function openMenu(event: MouseEvent<HTMLElement>): void {
  const menu = event.currentTarget.querySelector<HTMLElement>('[data-row-menu]');
  if (menu === null || getSelection()?.isCollapsed === false || event.shiftKey) return;
  event.preventDefault();
  menu.click();
}

interface Hands {
  readonly onClick: (index: number, event: MouseEvent) => void;
  readonly toggle: (index: number) => void;
  readonly setCurrent: (index: number) => void;
}

interface RowProps<Row> {
  readonly row: Row;
  readonly name: string;
  readonly description: string;
  readonly index: number;
  readonly start: number;
  readonly size: number;
  readonly template: string;
  readonly columns: readonly Column<Row>[];
  readonly isNarrow: boolean;
  readonly isCurrent: boolean;
  readonly isOpen: boolean;
  readonly isSelectable: boolean;
  readonly isSelected: boolean;
  readonly actionsOf: GridProps<Row>['actionsOf'];
  readonly heading: ReactNode | undefined;
  /** What a row's own events lead to, always of the grid as it is now. */
  readonly hands: { readonly current: Hands };
}

// Memoised by measurement: without it every step of the wheel renders all rows in view.
const GridRow = memo(function GridRow<Row>(props: RowProps<Row>): React.JSX.Element {
  const { row, name, index, template, columns, isNarrow, isSelectable, isSelected, actionsOf, hands } = props;
  if (props.heading !== undefined) return <HeadingRow {...props} heading={props.heading} />;
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelectable ? isSelected : undefined}
      aria-current={props.isOpen ? 'true' : undefined}
      aria-label={name}
      aria-description={props.description === '' ? undefined : props.description}
      data-index={index}
      tabIndex={props.isCurrent ? 0 : -1}
      className="grid-row grid-line"
      style={{
        gridTemplateColumns: template,
        height: `${props.size}px`,
        transform: `translateY(${props.start}px)`,
      }}
      onFocus={() => hands.current.setCurrent(index)}
      onClick={(event) => hands.current.onClick(index, event)}
      onContextMenu={(event) => openMenu(event)}
    >
      {isSelectable ? (
        <div role="gridcell" className="grid-cell">
          <input
            type="checkbox"
            className="grid-check"
            aria-label={t('Select {name}', { name })}
            checked={isSelected}
            tabIndex={-1}
            onChange={() => hands.current.toggle(index)}
          />
        </div>
      ) : null}
      {columns.map((column) => (
        <div key={column.id} role="gridcell" className="grid-cell">
          {column.cell(row, isNarrow)}
        </div>
      ))}
      {actionsOf === undefined ? null : (
        <div role="gridcell" className="grid-cell grid-actions">
          <RowMenu name={name} actions={actionsOf(row)} />
        </div>
      )}
    </div>
  );
}) as <Row>(props: RowProps<Row>) => React.JSX.Element;

function HeadingRow<Row>({
  heading,
  index,
  size,
  start,
  isCurrent,
  hands,
  columns,
}: RowProps<Row> & { readonly heading: ReactNode }): React.JSX.Element {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      data-index={index}
      tabIndex={isCurrent ? 0 : -1}
      className="grid-row grid-line grid-heading"
      style={{ gridTemplateColumns: '1fr', height: `${size}px`, transform: `translateY(${start}px)` }}
      onFocus={() => hands.current.setCurrent(index)}
    >
      <div role="gridcell" aria-colspan={columns.length} className="grid-cell">
        {heading}
      </div>
    </div>
  );
}

/** "3 of 120 machines", beside a filtered list. */
export const countText = (shown: number, all: number, one: string, other: string): string =>
  shown === all ? plural(all, one, other) : t('{shown} of {all}', { shown, all: plural(all, one, other) });

const isWidget = (event: MouseEvent): boolean =>
  event.target instanceof Element && event.target.closest('a, button, input, label') !== null;

interface HeadCellProps<Row> {
  readonly column: Column<Row>;
  readonly sort: Sort | undefined;
  readonly onSort: ((sort: Sort) => void) | undefined;
}

// Its button is dearer than a row, and is not what scrolls.
const HeadCell = memo(function HeadCell<Row>({
  column,
  sort,
  onSort,
}: HeadCellProps<Row>): React.JSX.Element {
  const isSorted = sort?.column === column.id;
  const order = isSorted ? (sort.isDescending ? 'descending' : 'ascending') : undefined;
  const Arrow = order === 'descending' ? ArrowDown : ArrowUp;
  return (
    <div role="columnheader" aria-sort={order} className="grid-cell">
      {column.isSortable === true && onSort !== undefined ? (
        <AriaButton
          className="grid-sort"
          onPress={() => onSort({ column: column.id, isDescending: isSorted && !sort.isDescending })}
        >
          <span className="grid-sort-text">{column.title}</span>
          <Arrow aria-hidden="true" className={`grid-arrow${isSorted ? '' : ' grid-arrow-off'}`} />
        </AriaButton>
      ) : (
        column.title
      )}
    </div>
  );
}) as <Row>(props: HeadCellProps<Row>) => React.JSX.Element;

function RowMenu({
  name,
  actions,
}: {
  readonly name: string;
  readonly actions: readonly (readonly Action[])[];
}): React.JSX.Element | null {
  const [isWanted, setWanted] = useState(false);
  if (actions.every((group) => group.length === 0)) return null;
  const label = t('Actions for {name}', { name });
  // A menu in each of a hundred rows would make scrolling slow: it is made when it is asked for.
  if (!isWanted)
    return (
      <button
        type="button"
        aria-label={label}
        aria-haspopup="menu"
        tabIndex={-1}
        data-row-menu=""
        className="button button-icon-only button-small"
        onClick={() => setWanted(true)}
      >
        <EllipsisVertical aria-hidden="true" className="button-icon" />
      </button>
    );
  return (
    <Menu label={label} actions={actions} isOpenAtFirst>
      <AriaButton
        aria-label={label}
        excludeFromTabOrder
        data-row-menu=""
        className="button button-icon-only button-small"
      >
        <EllipsisVertical aria-hidden="true" className="button-icon" />
      </AriaButton>
    </Menu>
  );
}

/** From the row to what it holds, one by one, and back. */
function step(row: HTMLElement, from: HTMLElement, by: 1 | -1): void {
  const stops = [row, ...row.querySelectorAll<HTMLElement>(FOCUSABLE)];
  const next = stops[stops.indexOf(from) + by];
  next?.focus();
}
