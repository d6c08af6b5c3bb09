/** Who may do what on the local API: by the credentials of the process at the other end (localapi-and-daemon.md §1.7). */

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Actor {
  /** Undefined when the credentials couldn't be read. */
  readonly uid: number | undefined;
  readonly pid: number | undefined;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** May see what would outlast its rights, such as private keys: an operator is one only until another is named. */
  readonly isAdmin: boolean;
}

export interface AccessRules {
  /** The uid this daemon runs as. */
  readonly daemonUid: number;
  /** The uid of Prefs.OperatorUser; undefined when there is none or no such user. */
  readonly operatorUid: number | undefined;
}

/** Everyone on the machine may look; root, our own user (unless that is root) and the operator may change. */
export function actorOf(credentials: PeerCredentials | undefined, rules: AccessRules): Actor {
  if (credentials === undefined)
    return { uid: undefined, pid: undefined, canRead: true, canWrite: false, isAdmin: false };
  const { uid, pid } = credentials;
  const isAdmin = uid === 0 || (rules.daemonUid !== 0 && uid === rules.daemonUid);
  return { uid, pid, canRead: true, canWrite: isAdmin || uid === rules.operatorUid, isAdmin };
}
