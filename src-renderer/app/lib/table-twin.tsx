/** A chart, and the same as a table for who prefers or needs it; a sentence says what both show. */
import { type ReactNode, useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { t } from '../i18n/text.ts';
import './table.css';

export function TableTwin({
  summary,
  chart,
  columns,
  rows,
}: {
  readonly summary: string;
  readonly chart: ReactNode;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}): React.JSX.Element {
  const [isTable, setTable] = useState(false);
  return (
    <div className="twin">
      {isTable ? <Table caption={summary} columns={columns} rows={rows} /> : chart}
      <div className="twin-foot">
        <Button size="small" kind="quiet" onPress={() => setTable(!isTable)}>
          {isTable ? t('common.asChart') : t('common.asTable')}
        </Button>
      </div>
    </div>
  );
}

export function Table({
  caption,
  columns,
  rows,
}: {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}): React.JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section className="table-box" aria-label={caption} tabIndex={0}>
      <table className="table">
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, n) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows of figures have no other name
            <tr key={n}>
              {row.map((cell, column) => (
                <td key={columns[column]} className="numbers">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
