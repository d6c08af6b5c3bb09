/** A state in a word, with a shape beside the colour; tags; status dots. */
import type { ReactNode } from 'react';
import './badge.css';

export type Tone = 'good' | 'warn' | 'bad' | 'quiet' | 'accent';

export function Badge({
  tone = 'quiet',
  children,
}: {
  readonly tone?: Tone;
  readonly children: ReactNode;
}): React.JSX.Element {
  return <span className={`badge badge-${tone}`}>{children}</span>;
}

/** The dot's shape differs too: full, half, hollow, crossed. */
export function Status({
  tone,
  children,
}: {
  readonly tone: Tone;
  readonly children: ReactNode;
}): React.JSX.Element {
  return (
    <span className="status">
      <span className={`dot dot-${tone}`} aria-hidden="true" />
      <span className="status-text">{children}</span>
    </span>
  );
}

export function Tags({ tags }: { readonly tags: readonly string[] }): React.JSX.Element {
  return (
    <span className="tags">
      {tags.map((tag) => (
        <span key={tag} className="tag">
          {tag}
        </span>
      ))}
    </span>
  );
}
