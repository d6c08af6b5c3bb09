/** What a key does in a grid of rows, as a pure function; the grid carries it out. */

export interface GridPlace {
  /** Row with the tab stop. */
  readonly row: number;
  readonly rowCount: number;
  readonly rowsPerPage: number;
}

export interface GridKey {
  readonly key: string;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly alt: boolean;
}

export type GridMove =
  | { readonly do: 'go'; readonly row: number; readonly extend: boolean }
  | {
      readonly do:
        | 'open'
        | 'toggle'
        | 'toggle-range'
        | 'select-all'
        | 'clear'
        | 'menu'
        | 'into'
        | 'out'
        | 'copy';
    }
  /** A letter: the screen's search takes it from here. */
  | { readonly do: 'search' };

export function moveFor(place: GridPlace, { key, ctrl, shift, alt }: GridKey): GridMove | undefined {
  if (alt) return undefined;
  const go = (row: number): GridMove => ({
    do: 'go',
    row: Math.max(0, Math.min(place.rowCount - 1, row)),
    extend: shift,
  });
  switch (key) {
    case 'ArrowDown':
      return go(place.row + 1);
    case 'ArrowUp':
      return go(place.row - 1);
    case 'PageDown':
      return go(place.row + place.rowsPerPage);
    case 'PageUp':
      return go(place.row - place.rowsPerPage);
    case 'Home':
      return go(0);
    case 'End':
      return go(place.rowCount - 1);
    case 'Enter':
      return { do: 'open' };
    case ' ':
      return { do: shift ? 'toggle-range' : 'toggle' };
    case 'ArrowRight':
      return { do: 'into' };
    case 'ArrowLeft':
      return { do: 'out' };
    case 'ContextMenu':
      return { do: 'menu' };
    case 'F10':
      return shift ? { do: 'menu' } : undefined;
    case 'Escape':
      return { do: 'clear' };
    default:
      if (ctrl) return withCtrl(key);
      return key.length === 1 && key !== '?' ? { do: 'search' } : undefined;
  }
}

function withCtrl(key: string): GridMove | undefined {
  if (key === 'a') return { do: 'select-all' };
  return key === 'c' ? { do: 'copy' } : undefined;
}
