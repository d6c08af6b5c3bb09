/** The frame of a screen: title, what it is for, actions; cards and lists of facts within. */
import { type ReactNode, useEffect, useRef } from 'react';
import './page.css';

export interface PageProps {
  readonly title: string;
  /** Of the browser's window, when it says more than the page's title. */
  readonly windowTitle?: string;
  /** Beside the title, such as a count or a state. */
  readonly aside?: ReactNode;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  /** The content has its own scrolling region and takes the whole height. */
  readonly isFilled?: boolean;
  /** False beside another screen that is the one to look at. */
  readonly hasFocus?: boolean;
  readonly children: ReactNode;
}

export function Page({
  title,
  windowTitle = `${title} – Rhumb`,
  aside,
  about,
  actions,
  isFilled = false,
  hasFocus = true,
  children,
}: PageProps): React.JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  // Whoever navigates by ear lands on the title of the new screen.
  useEffect(() => {
    if (hasFocus && title !== '') heading.current?.focus({ preventScroll: true });
  }, [title, hasFocus]);
  useEffect(() => {
    if (hasFocus) document.title = windowTitle;
  }, [windowTitle, hasFocus]);
  // A screen has one first heading, also where two pages of it stand side by side.
  const Title = hasFocus ? 'h1' : 'h2';
  return (
    <div className={`page${isFilled ? ' page-filled' : ''}`}>
      <header className="page-head">
        <div className="page-titles">
          <div className="page-title">
            <Title ref={heading} tabIndex={-1} className="page-name">
              {title}
            </Title>
            {aside}
          </div>
          {about === undefined ? null : <p className="page-about">{about}</p>}
        </div>
        {actions === undefined ? null : <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({
  title,
  about,
  actions,
  children,
}: {
  readonly title?: string;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  readonly children?: ReactNode;
}): React.JSX.Element {
  return (
    <section className="card" aria-label={title}>
      {title === undefined && actions === undefined ? null : (
        <header className="card-head">
          <div>
            {title === undefined ? null : <h2>{title}</h2>}
            {about === undefined ? null : <p className="card-about">{about}</p>}
          </div>
          {actions === undefined ? null : <div className="card-actions">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

/** Names and values; a value that is missing is left out by the caller. */
export const Facts = ({ children }: { readonly children: ReactNode }): React.JSX.Element => (
  <dl className="facts">{children}</dl>
);

export function Fact({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ReactNode;
}): React.JSX.Element {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
