/** What the rest of the daemon knows of the coordination server: the network map and the client's events. */
import type { MachineKey, NodeKey, PrivateKey } from '#shared/key/key.ts';
import type { ClientVersion } from '#shared/localapi/status.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type { DerpMap, DnsConfig, EndpointType, FilterRule, PingRequest } from '#shared/wire/map.ts';
import type { Node, UserProfile } from '#shared/wire/node.ts';
import type { RegisterResponse } from '#shared/wire/register.ts';
import type { NodeAnswer, NodeCall } from './node-calls.ts';

/** The merged state of one map stream; immutable, replaced as a whole on every change. */
export interface NetworkMap {
  readonly self: Node;
  readonly nodeKey: NodeKey;
  readonly machineKey: MachineKey;
  /** By `String(node.ID)`. */
  readonly peers: ReadonlyMap<string, Node>;
  /** By `String(user.ID)`. */
  readonly users: ReadonlyMap<string, UserProfile>;
  readonly dns: DnsConfig | undefined;
  readonly derpMap: DerpMap | undefined;
  readonly domain: string;
  /** Effective rules: all chunks, concatenated in sorted key order; undefined until the server sent any. */
  readonly filter: readonly FilterRule[] | undefined;
  readonly sshPolicy: unknown;
  readonly collectServices: boolean | undefined;
  readonly health: readonly string[];
  readonly displayMessages: ReadonlyMap<
    string,
    {
      readonly title: string;
      readonly text: string;
      readonly severity: string;
      readonly impactsConnectivity?: boolean | undefined;
      /** Only web addresses. */
      readonly action?: { readonly url: string; readonly label: string } | undefined;
    }
  >;
  /** What the server knows of newer releases; undefined until it said. */
  readonly clientVersion?: ClientVersion | undefined;
  /** Server clock minus ours, ms, when it exceeds a minute; else 0. */
  readonly clockSkewMs: number;
}

/** What a new map changed, so that listeners need not compare. Ids are `String(node.ID)`. */
export interface MapChange {
  readonly kind: 'full' | 'delta';
  readonly self: boolean;
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly other: boolean;
}

export interface ControlIdentity {
  readonly machineKey: PrivateKey;
  /** Undefined before the first login. */
  readonly nodeKey: PrivateKey | undefined;
  /** The key being replaced, for OldNodeKey. */
  readonly oldNodeKey: PrivateKey | undefined;
  /** Tailnet-lock public key text `nlpub:…`. */
  readonly lockKey: string;
}

export interface LoginFinished {
  readonly nodeKey: PrivateKey;
  readonly oldNodeKey: PrivateKey | undefined;
  readonly user: RegisterResponse['User'];
  readonly login: RegisterResponse['Login'];
  readonly machineAuthorized: boolean;
}

/** Calls from the client into the backend; all synchronous, none may throw. */
export interface ControlEvents {
  /** Interactive login is pending: show this URL. Only http and https URLs arrive here. */
  authUrl(url: string): void;
  /** The server refused; the text is the server's, to be shown as it is. The client goes on retrying with backoff. */
  loginFailed(message: string): void;
  loginFinished(login: LoginFinished): void;
  netmap(map: NetworkMap, change: MapChange): void;
  /** Whether a map stream is up; `error` says why not, in words for the user. */
  connection(state: { readonly up: boolean; readonly error?: string | undefined }): void;
  /**
   * The server asks for pings that need the data plane (`disco`, `TSMP`, `ICMP`, a comma list in `Types`); the rest the
   * client answers itself. Each result goes back through `ControlClient.answerPing`.
   */
  ping(request: PingRequest): void;
  /** The server wants a page shown that no login waits for. Only http and https URLs arrive here. */
  openUrl?(url: string): void;
}

/** Result of one ping for the server (control-protocol.md §4.10). */
export interface PingAnswer {
  readonly Type: string;
  readonly IP?: string;
  readonly NodeIP?: string;
  readonly NodeName?: string;
  readonly Err?: string;
  readonly LatencySeconds?: number;
  readonly Endpoint?: string;
  readonly DERPRegionID?: number;
  readonly DERPRegionCode?: string;
  readonly PeerAPIPort?: number;
  readonly IsLocalIP?: boolean;
}

export interface ControlEndpoint {
  /** `ip:port`, IPv6 in brackets. */
  readonly addr: string;
  readonly type: EndpointType;
}

/** One coordination server, one identity. Made by `openControl`; dispose ends every stream. */
export interface ControlClient extends AsyncDisposable {
  /**
   * Registers (with backoff until it succeeds or the client is disposed), then keeps the map stream up. `interactive`
   * forces a new node key and an auth URL. A call while a login is under way replaces it.
   */
  login(options: { readonly interactive: boolean; readonly authKey?: string | undefined }): void;
  /** Tells the server that the node key is expired now. Rejects when it can't be reached in time. */
  logout(signal: AbortSignal): Promise<void>;
  /** Brings our key's end forward; it can't be put off. Rejects with what the server says. */
  setExpirySooner(expiryMs: number, signal: AbortSignal): Promise<void>;
  /** Has the server do something for this machine. Rejects before the first login and while it can't be reached. */
  ask(request: NodeCall, signal: AbortSignal): Promise<NodeAnswer>;
  /** New facts about this machine; a lite update goes out when they differ from what was sent. */
  setHostinfo(hostinfo: Hostinfo): void;
  setEndpoints(endpoints: readonly ControlEndpoint[]): void;
  /** Stops and resumes the map stream (Stopped state, no network). */
  setPaused(paused: boolean): void;
  /** The network changed: retry at once instead of waiting out a backoff. */
  retryNow(): void;
  /** Reports the result of a ping that the `ping` event asked for. */
  answerPing(request: PingRequest, answer: PingAnswer): void;
}
