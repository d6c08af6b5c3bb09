/** How packets travel, as a line between two ends: straight when direct, bent through a dot when relayed, dotted when at rest. */
import './path-line.css';

export type PathShape = 'direct' | 'peer-relay' | 'relay' | 'idle' | 'none';

/** Beside words that say the same, so it says nothing itself. */
export function PathMark({ shape }: { readonly shape: PathShape }): React.JSX.Element {
  const isBent = shape === 'relay' || shape === 'peer-relay';
  return (
    <svg className={`path-mark path-${shape}`} viewBox="0 0 32 14" aria-hidden="true">
      <path d={isBent ? 'M4 11 L16 4 L28 11' : 'M4 7 H28'} className="path-stroke" />
      <circle cx="4" cy={isBent ? 11 : 7} r="2.5" className="path-end" />
      <circle cx="28" cy={isBent ? 11 : 7} r="2.5" className="path-end" />
      {shape === 'relay' ? <rect x="13" y="1" width="6" height="6" rx="1" className="path-via" /> : null}
      {shape === 'peer-relay' ? <circle cx="16" cy="4" r="3" className="path-via" /> : null}
    </svg>
  );
}

export interface PathStop {
  readonly id: string;
  readonly title: string;
  readonly note?: string | undefined;
  readonly isWay?: boolean;
}

/** The large one: stops by name from here to there, a list for who cannot see the line. */
export function PathLine({
  shape,
  stops,
  label,
}: {
  readonly shape: PathShape;
  readonly stops: readonly PathStop[];
  readonly label: string;
}): React.JSX.Element {
  return (
    <ol className={`path-line path-${shape}`} aria-label={label}>
      {stops.map(({ id, title, note, isWay }) => (
        <li key={id} className={`path-stop${isWay === true ? ' path-stop-way' : ''}`}>
          <span className="path-dot" aria-hidden="true" />
          <span className="path-title">
            <bdi>{title}</bdi>
          </span>
          {note === undefined || note === '' ? null : (
            <span className="path-note">
              <bdi>{note}</bdi>
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}
