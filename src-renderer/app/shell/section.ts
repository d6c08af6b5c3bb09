/** What a screen tells the shell about itself: where it is, how it is called, and what the command palette can do there. */
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import type { AppState } from '../store/store.ts';

/** Something that the palette finds by its words and does. */
export interface Command {
  /** Unlike all others. */
  readonly id: string;
  readonly text: string;
  /** What kind of thing it is, or where; shown beside. */
  readonly note: string;
  /** Further words by which it is found. */
  readonly words?: string;
  readonly icon: LucideIcon;
  readonly run: () => void;
}

export interface Section {
  readonly id: string;
  /** Such as `/devices`; everything below is the section's too. */
  readonly path: string;
  readonly title: () => string;
  readonly icon: LucideIcon;
  /** Its place in the navigation, from 1; undefined = reached from elsewhere. */
  readonly place?: number;
  /** Shown even where there is no daemon to be asked. */
  readonly isWithoutDaemon?: boolean;
  /** `rest` is what follows the section's own path, without its first slash, decoded. */
  readonly render: (rest: string) => ReactNode;
  readonly commands?: (state: AppState) => readonly Command[];
}
