/** The version of the programs, in the shape that tools of the ecosystem parse (localapi-and-daemon.md §1.6). */

/** Major.minor.patch; a test keeps it equal to package.json. */
export const VERSION = '0.1.0';

/** `1.x.y-t<commit>` where the commit is known, else the short version. */
export function longVersion(commit?: string | undefined): string {
  return commit === undefined || !/^[0-9a-f]{7,40}$/.test(commit)
    ? VERSION
    : `${VERSION}-t${commit.slice(0, 9)}`;
}
