/** How a list was last looked at, kept for each account by this browser or window; nothing is lost where it keeps nothing. */

const LONGEST = 2_000;

const keyOf = (list: string, account: string): string => `rhumb.view.${list}.${account}`;

/** The query of an address, such as `show=online&sort=os`; '' = as at first. */
export function keptView(list: string, account: string): string {
  try {
    const text = localStorage.getItem(keyOf(list, account)) ?? '';
    return text.length > LONGEST ? '' : text;
  } catch {
    // Storage is switched off: the list is as at first then.
    return '';
  }
}

export function keepView(list: string, account: string, query: string): void {
  try {
    if (query === '') localStorage.removeItem(keyOf(list, account));
    else if (query.length <= LONGEST) localStorage.setItem(keyOf(list, account), query);
  } catch {
    // As above; or it is full.
  }
}
