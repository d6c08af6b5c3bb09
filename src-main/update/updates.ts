/** Checking for a newer version and installing it; off until a feed is configured, and it says so. */
import { RhumbError } from '#shared/errors.ts';
import { isNewer, type UpdateSource } from './policy.ts';

/** What is used of electron-updater. */
export interface Updater {
  /** The newest version that the feed offers; undefined = none. */
  readonly newest: () => Promise<string | undefined>;
  /** Downloads it and checks its signature. */
  readonly download: () => Promise<void>;
  /** Ends the program, installs, starts it again. */
  readonly install: () => void;
}

export interface Updates {
  readonly check: () => Promise<{ version: string; isNewer: boolean }>;
  readonly install: () => Promise<void>;
}

/** `open` loads the updater when it is first needed. */
export function updatesFrom(
  source: UpdateSource,
  current: string,
  open: (feed: string) => Promise<Updater>,
): Updates {
  let updater: Promise<Updater> | undefined;
  const get = (): Promise<Updater> => {
    if (source.kind === 'off') throw new RhumbError('unavailable', source.why);
    updater ??= open(source.url);
    return updater;
  };
  const check = async (): Promise<{ version: string; isNewer: boolean }> => {
    const version = (await (await get()).newest()) ?? current;
    return { version, isNewer: isNewer(version, current) };
  };
  return {
    check,
    install: async () => {
      const found = await check();
      if (!found.isNewer) throw new RhumbError('conflict', 'there is no newer version');
      const ready = await get();
      await ready.download();
      ready.install();
    },
  };
}
