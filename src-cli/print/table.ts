/** Elastic columns as the official client's text output has them: cells end with a tab, each block of rows is aligned alone. */

export interface TableOptions {
  /** Least width of a column, its padding included. */
  readonly minWidth: number;
  readonly padding: number;
}

/** Other people's text as the content of one cell: no column or line of its own. */
export const cell = (text: string): string => text.replaceAll(/[\t\r\n]+/g, ' ');

/** The width that a text takes in a terminal, near enough: code points. */
const width = (text: string): number => [...text].length;

/**
 * Aligns the columns of `text`. A cell is text that ends with a tab; what follows the last tab of a line belongs to no
 * column. A column is a run of adjacent lines that have that cell, so a line without it ends the column.
 */
export function elastic(text: string, options: TableOptions): string {
  const rows = text.split('\n').map((line) => line.split('\t'));
  const widths = rows.map((row) => new Array<number>(row.length - 1).fill(0));
  measure(rows, widths, { from: 0, to: rows.length, column: 0 }, options);
  return rows
    .map((row, at) =>
      row
        .map((one, column) => one + ' '.repeat(Math.max(0, (widths[at]?.[column] ?? 0) - width(one))))
        .join(''),
    )
    .join('\n');
}

interface Block {
  readonly from: number;
  readonly to: number;
  readonly column: number;
}

function measure(
  rows: readonly (readonly string[])[],
  widths: readonly number[][],
  block: Block,
  options: TableOptions,
): void {
  const { column } = block;
  const hasCell = (at: number): boolean => at < block.to && (widths[at]?.length ?? 0) > column;
  let at = block.from;
  while (at < block.to) {
    const from = at;
    let widest = options.minWidth;
    for (; hasCell(at); at++) widest = Math.max(widest, width(rows[at]?.[column] ?? '') + options.padding);
    for (let row = from; row < at; row++) {
      const cells = widths[row];
      if (cells !== undefined) cells[column] = widest;
    }
    if (at > from) measure(rows, widths, { from, to: at, column: column + 1 }, options);
    else at++;
  }
}
