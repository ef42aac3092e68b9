/**
 * A connection to a roomd server that repairs itself.
 *
 *     import { Client } from "./roomd.js";
 *
 *     const client = new Client("ws://127.0.0.1:8000/ws", { user: "greeter" });
 *     client.on("message", ({ room, user, message }) => console.log(`${room} ${user}: ${message}`));
 *     client.open();
 *     await client.join("lobby");
 *     const { seq } = await client.publish("lobby", "hello");
 *     client.close();
 *
 * In Node before 22 there is no WebSocket: give one, such as that of the package `ws`, in the options.
 * Events have the fields of docs/protocol.md. A listener is called with one event at a time, in the
 * order in which they happened, and never from inside a call of the client.
 */

/** Why something was not done. `code` is the server's, or one of `interrupted`, `left`, `retracted`. */
export class RoomdError extends Error {
  readonly code: string;
  /** The other fields of the server's error, such as `retry_after_ms`. */
  readonly details: Record<string, unknown>;
}

export type Body = string | { cipher: object };

export interface Options {
  /** The name to come under, 1–32 characters; without it and a token, the server draws a guest's name,
   * which the client keeps. */
  user?: string;
  /** Proves who the user is. A function is asked before each connection. */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** How many of the newest messages the first join of a room brings, 0–200. Default 20. */
  history?: number;
  /** The first delay before a broken connection is made again (500), and the longest (30 000). */
  retryMs?: number;
  retryMsMax?: number;
  /** From 0 to 1; spreads the delays. Default `Math.random`. */
  random?: () => number;
  /** Asked when a connection could not be made, since a browser hides the server's answer. A sentence
   * is why trying again makes no sense: the client closes with it. */
  diagnose?: (code: number) => Promise<string | undefined>;
  /** Default: the environment's. */
  WebSocket?: new (url: string, protocols: string[]) => WebSocket;
}

export type State =
  | { readonly phase: "idle" | "connecting" | "online" }
  /** `reason` is for people and has no full stop; `retryAt` is in ms as `Date.now()`. */
  | { readonly phase: "waiting"; readonly reason: string; readonly code: number; readonly retryAt: number }
  | { readonly phase: "closed"; readonly reason: string; readonly code?: number };

export interface Sent {
  room: string;
  seq: number;
  mid: string;
  /** RFC 3339. */
  at: string;
  /** The server had it already: it was sent again over another connection. */
  duplicate: boolean;
}

export interface Joined {
  room: string;
  epoch: string;
  seq: number;
  /** The first thousand. */
  members: string[];
  count: number;
}

export interface Message {
  type: "message";
  room: string;
  user: string;
  message?: string;
  cipher?: object;
  seq: number;
  mid?: string;
  at: string;
  edited?: string;
  deleted?: boolean;
  /** It was published before the room was entered, or while there was no connection. */
  replayed: boolean;
}

/** What the client itself has to tell; everything else is an event of docs/protocol.md by its own name. */
export interface Events {
  state: { type: "state" } & State;
  message: Message;
  /** A room was entered: for the first time, or (`again`) after the connection broke. What was missed
   * follows; `resumed` when nobody saw that the user was gone, and then without epoch and members. */
  joined: { type: "joined"; room: string; again: boolean; resumed?: true; recovered: boolean; missed?: number } & Partial<Joined>;
  /** Messages were missed that are not replayed: `epoch_changed`, `too_old`, `unavailable`, or `lagged`,
   * then with how many. What follows is whole again. */
  gap: { type: "gap"; room: string; reason: string; missed?: number };
  /** The user is no longer in the room, without having left it. With `user` it is somebody else. */
  removed: { type: "removed"; room: string; code: string; message: string; user?: string; by?: string };
  /** The server wants nothing said before `until` (ms), or nothing in `room`, which is in slow mode.
   * Nothing is lost: what waits is said then. */
  paused: { type: "paused"; room?: string; message: string; code: string; until: number };
  /** An error that answers nothing which is waited for. */
  refused: { type: "refused"; code: string; message: string };
}

export class Client {
  /** `url` is `ws://HOST:PORT/ws` or `wss:`. Nothing happens before `open`.
   * @throws TypeError when it is no address, or when there is no WebSocket. */
  constructor(url: string | URL, options?: Options);

  readonly state: State;
  /** Under which name the client comes; of a guest, known with the first `welcome`. */
  readonly user: string | undefined;
  /** What the server said in its `welcome`. */
  readonly limits: { message_bytes: number; rooms?: number; rate?: { burst: number; per_s: number } };
  /** Messages without an answer, oldest first, as commands. Given to `publish` with their `mid` on
   * another page, or in another process, they are still published once. */
  readonly unsent: ReadonlyArray<{ type: "message" | "private"; room?: string; to?: string; mid: string; message?: string; cipher?: object }>;

  /** Calls `listener` for each event of this type, or of every type with `"*"`. Returns what ends it. */
  on<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): () => void;
  on(type: string, listener: (event: any) => void): () => void;

  /** Begins; also after it was closed. */
  open(): this;
  /** Does not wait for the delay that is running. */
  retry(): void;
  /** Ends the connection for good. Messages that are not sent stay in `unsent`. */
  close(reason?: string): void;

  /** Enters a room, and enters it again after every broken connection until it is left. `history` goes
   * before that of the options. Rejects with the server's refusal. In a room that the client is in
   * already it resolves with what that was answered. */
  join(room: string, options?: { history?: number }): Promise<Joined>;
  /** Leaves it. Rejects with the server's refusal; the client forgets the room all the same. */
  leave(room: string): Promise<unknown>;

  /** Publishes in a room that was joined. Resolves when the server has stored the message, over as many
   * connections as it takes; rejects when it refuses it for good. `mid`, 1–64 bytes, is drawn. */
  publish(room: string, body: Body, options?: { mid?: string; [field: string]: unknown }): Promise<Sent>;
  /** The same, to one user. */
  whisper(to: string, body: Body, options?: { mid?: string; [field: string]: unknown }): Promise<Sent>;
  /** Takes a message back that was never said; false when it is too late. Its promise rejects with
   * `retracted`. */
  retract(mid: string): boolean;

  /** Asks for anything that has a reply (docs/protocol.md, without `id`). Rejects with the server's
   * error, or with `interrupted` when there is no connection or it breaks before the reply. */
  request(command: object): Promise<any>;
  /** Says what has no reply; false when it cannot be said now, and then it is not said later. */
  tell(command: object): boolean;
}

/** A mark for a message that nobody can guess. */
export function newMid(): string;
