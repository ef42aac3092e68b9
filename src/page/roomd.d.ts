/**
 * A client for roomd servers that reconnects automatically.
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
 * Guarantees, as far as the server keeps its own (docs/protocol.md):
 *
 * - After a lost connection the client reconnects with exponential backoff and jitter, and when the browser is
 *   online again at once. It resumes the session, or if that has expired joins each room again from the last
 *   message seen.
 * - A published message gets its `mid` once and is sent until it is acknowledged, over as many connections as
 *   that takes: it is published once. Messages to one room are published in the order of `publish`, and so are private messages
 *   to one user, also when one is refused by a rate limit. Only where a moderator has just turned slow mode on, and the
 *   connection is slow as well, a message that was on its way then may come before one that was refused.
 * - The messages of a room are delivered once each and in order. A `gap` event reports what cannot be replayed.
 *
 * Node has a WebSocket from version 22 on; before that, pass one in the options, such as that of the
 * package `ws`. The fields of events and replies are those of docs/protocol.md, section 3; times are
 * RFC 3339 in UTC. A listener is called with one event at a time, in the order in which they happened,
 * and never from inside a method of the client.
 */

/** Why a command failed. */
export class RoomdError extends Error {
  /** The server's code, such as `not_member`; or the client's: `interrupted`, `left`, `retracted`,
   * `too_large`, or, of a join, what ended the membership (`Events["removed"]["code"]`). */
  readonly code: string;
  /** The other fields of the server's error, such as `retry_after_ms`. */
  readonly details: Record<string, unknown>;
}

/** A text, bytes, or ciphertext. */
export type Body = string | Uint8Array | { cipher: object };

export interface Options {
  /** The user's name, 1–32 characters. Without it and a token the server chooses a guest's name, which
   * the client keeps. */
  user?: string;
  /** A token that proves who the user is. A function is called before each connection. */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** How many of the newest messages the first join of a room requests, 0–200. Default 20. */
  history?: number;
  /** The first delay before a reconnect in ms. Default 500. It doubles with each attempt. */
  retryMs?: number;
  /** The longest delay before a reconnect in ms. Default 30 000. */
  retryMsMax?: number;
  /** A number from 0 to 1, for the jitter of the delays. Default `Math.random`. */
  random?: () => number;
  /** Called when a connection attempt failed, since a browser hides the server's response. If it resolves
   * with a sentence, the client closes with it instead of trying again. */
  diagnose?: (code: number) => Promise<string | undefined>;
  /** Default: the environment's. */
  WebSocket?: new (url: string, protocols: string[]) => WebSocket;
}

export type State =
  | { readonly phase: "idle" | "connecting" | "online" }
  /** `reason` is for people and has no full stop; `code` is the WebSocket's close code, or 0; `retryAt` is
   * in ms as `Date.now()`. */
  | { readonly phase: "waiting"; readonly reason: string; readonly code: number; readonly retryAt: number }
  /** `code` is 0 if `diagnose` gave the reason, and absent after `close`. */
  | { readonly phase: "closed"; readonly reason: string; readonly code?: number };

// --- Events -------------------------------------------------------------------------------------

/** What a message, a private message and an entry of a history have in common. */
export interface MessageContent {
  room: string;
  /** Absent if the message has data, is encrypted or deleted. */
  message?: string;
  data?: Uint8Array;
  cipher?: object;
  seq: number;
  /** It is kept nowhere: `seq` is that of the stored message behind which it stands, and `number` its own among those
   * of the room that are not stored. */
  store?: false;
  number?: number;
  mid?: string;
  /** What it is the newest value of. Deleted, it removes the key. */
  key?: string;
  /** The `seq` of the message that this one answers. */
  reply_to?: number;
  /** The `seq` of the message that this one is a reaction to. */
  react_to?: number;
  at: string;
  /** When it was edited or deleted. */
  edited?: string;
  deleted?: true;
  /** Why it was deleted, if that was said. */
  note?: string;
}

export interface Message extends MessageContent {
  type: "message";
  user: string;
  /** It was published before the room was joined, or while there was no connection. Absent in a room that
   * was not joined with `join`. */
  replayed?: boolean;
  /** The group of whose members it is this one's, until it says `done`. */
  group?: string;
  /** A member of the group had it before, and has not done it. */
  redelivered?: true;
  /** So many messages before it had no space in the group, and are nobody's. */
  missed?: number;
}

export interface PrivateMessage extends MessageContent {
  type: "private";
  /** Who wrote it, as of any message; `from` is the same. */
  user: string;
  from: string;
  to: string;
}

export interface Presence {
  user: string;
  status: "online" | "away" | "offline";
  note?: string;
  lastSeen: string;
}

export interface Limits {
  message_bytes: number;
  /** Rooms that one connection may be in. */
  rooms: number;
  /** Messages that this connection may send at once, and a second; 0 is no limit. */
  rate: Rate;
  /** The same of all clients of a room together, if there is a limit. */
  room_rate?: Rate;
}

export interface Rate {
  burst: number;
  per_s: number;
}

export interface Welcome {
  type: "welcome";
  id?: number | string;
  server: string;
  user: string;
  session: string;
  resume?: string;
  guest: boolean;
  limits: Limits;
  ping_ms: number;
  pong_timeout_ms: number;
  ice_servers?: Array<{ urls: string | string[]; username?: string; credential?: string }>;
  /** The following are those of the token. */
  expires?: string;
  name?: string;
  admin?: true;
  /** The device of a token that was issued for a claim. */
  device?: string;
  allowed_rooms?: string[];
}

export type Role = "member" | "voice" | "moderator" | "owner";

/** A change in a room, and who made it. */
export interface ModerationEvent<T extends string> {
  type: T;
  room: string;
  by: string;
  note?: string;
  at: string;
}

export interface Signal<T extends string> {
  type: T;
  /** Who sent it; `from` is the same. */
  user: string;
  from: string;
  payload: any;
}

/** The events that listeners receive. The client itself emits `state`, `joined`, `gap`, `removed`, `paused` and
 * `refused`; they stand for the server's `joined`, `resumed`, `left`, `lagged`, `removed`, `ended` and `error`.
 * It handles `goodbye`, `sent` and `pong`. The others are the server's. */
export interface Events {
  state: { type: "state" } & State;
  /** A room was joined: for the first time or (`again`) after a reconnect. The missed messages follow. With
   * `resumed` the session went on, and the event has no `epoch`, `seq`, `members` and `count`. */
  joined:
    | (Joined & { again: boolean; resumed?: undefined })
    | { type: "joined"; room: string; again: true; resumed: true; recovered: boolean; missed?: number; read?: number };
  /** Messages were missed that are not replayed: `epoch_changed`, `too_old`, `unavailable`, or `lagged` with
   * their number, of which newer messages of the same keys have replaced so many (`conflated`). What follows is
   * complete again. */
  gap: { type: "gap"; room: string; reason: string; missed?: number; conflated?: number };
  /** Without a `code`: another user was removed from the room. With one: this user is no longer in the room,
   * without having left it; `code` is `kicked`, `removed`, `banned`, `ended`, or that of the error that refused
   * a join after a reconnect; `message` is for people and has no full stop. */
  removed:
    | (Removed & { code?: undefined })
    | {
        type: "removed";
        room: string;
        code: string;
        message: string;
        id?: number;
        user?: string;
        by?: string;
        reason?: string;
        until?: string;
        note?: string;
        at?: string;
        retry_after_ms?: number;
      };
  /** The server accepts no commands before `until` (ms, as `Date.now()`), or no messages to `room`, which is in
   * slow mode, or takes no more for a moment. Nothing is lost: what waits is sent then. */
  paused: { type: "paused"; room?: string; message: string; code: string; until: number };
  /** An error that is not the reply to a request, a join or a message. `id` is the one given to `tell`. */
  refused: { type: "refused"; id?: number | string; code: string; message: string; retry_after_ms?: number; room?: string };

  welcome: Welcome;
  token_expiring: { type: "token_expiring"; expires: string; expires_in_ms: number };
  /** The server is about to shut down: after that time it begins to end connections. */
  announcement: { type: "announcement"; text: string; by: string; at: string };
  draining: { type: "draining"; ends_in_ms: number };
  message: Message;
  private: PrivateMessage;
  /** `user` is who edited it. */
  edit: { type: "edit"; room: string; seq: number; user: string; message?: string; data?: Uint8Array; cipher?: object; at: string };
  /** `user` is who deleted it, and `note` says why. */
  delete: { type: "delete"; room: string; seq: number; user: string; note?: string; at: string };
  receipt: { type: "receipt"; room: string; user: string; status: "written" | "received" | "read"; seq: number; at: string };
  /** How many users one's own newest message was written to, and have received and read it. In a room that is too large
   * for receipts, to who joined it with `receipt_counts`. */
  receipt_counts: { type: "receipt_counts"; room: string; seq: number; written: number; received: number; read: number };
  join: { type: "join"; room: string; user: string; at: string };
  leave: { type: "leave"; room: string; user: string; at: string };
  /** `username` is the same. */
  typing: { type: "typing"; room: string; user: string; username: string; typing: boolean };
  presence: { type: "presence" } & Presence;
  /** Another connection of the user's has added or changed a bookmark. */
  bookmark: { type: "bookmark" } & Bookmark;
  unbookmark: { type: "unbookmark"; room: string };
  /** A user wants to be called so from now on; without a `name` by the user's name alone. */
  display_name: { type: "display_name"; user: string; name?: string };
  /** To the user who is invited also with each connection, until they have entered the room. */
  invited: ModerationEvent<"invited"> & { user: string };
  /** Others are not told the `code`. */
  invitation: ModerationEvent<"invitation"> & { invitation: number; uses: number; until: string };
  revoked: ModerationEvent<"revoked"> & { invitation: number };
  /** A user was put on the list by an invitation. */
  admitted: ModerationEvent<"admitted"> & { user: string; invitation: number };
  unbanned: ModerationEvent<"unbanned"> & { user: string };
  muted: ModerationEvent<"muted"> & { user: string; until?: string };
  unmuted: ModerationEvent<"unmuted"> & { user: string };
  role: ModerationEvent<"role"> & { user: string; role: Role };
  /** What was changed. */
  settings: ModerationEvent<"settings"> & { slow_mode_s?: number; announcement?: boolean; members_max?: number; open_subject?: boolean };
  /** After the reply to a join, if there is anything to tell. */
  about: { type: "about" } & About;
  /** What is absent stays as it was; what is empty was removed. */
  described: ModerationEvent<"described"> & { subject?: string; description?: string };
  pinned: ModerationEvent<"pinned"> & { seq: number };
  unpinned: ModerationEvent<"unpinned"> & { seq: number };
  offer: Signal<"offer">;
  answer: Signal<"answer">;
  "ice-candidate": Signal<"ice-candidate">;
  hangup: Signal<"hangup">;
}

/** What a room is about. */
export interface About {
  room: string;
  subject?: string;
  description?: string;
  /** The numbers of the pinned messages. */
  pinned: number[];
}

/** A room or a private conversation that a registered user's clients list, on every device. */
export interface Bookmark {
  room: string;
  notify: "all" | "mentions" | "nothing";
  /** In a reply: up to which message the user has read, on any device. */
  read?: number;
}

/** Another user was removed from a room. */
export interface Removed extends ModerationEvent<"removed"> {
  user: string;
  reason: "kicked" | "removed" | "banned";
  until?: string;
}

// --- Replies ------------------------------------------------------------------------------------

export interface Sent {
  type: "sent";
  id: number;
  room: string;
  epoch: string;
  seq: number;
  /** As in `MessageContent`. */
  store?: false;
  number?: number;
  mid?: string;
  at: string;
  /** The server already had the message: it was sent again over another connection. */
  duplicate: boolean;
}

export interface Joined {
  type: "joined";
  id: number;
  room: string;
  epoch: string;
  seq: number;
  /** Up to which message the user has read, on any device; 0 for none. */
  read: number;
  /** The first thousand. */
  members: string[];
  count: number;
  recovered: boolean;
  /** Why it was not recovered. */
  reason?: string;
  /** What all clients of the room may say together, if there is a limit that counts this one. */
  room_rate?: Rate;
}

/** The replies of the server, by the type of the command. */
export interface Replies {
  auth: Welcome;
  leave: { type: "left"; id: number; room: string };
  subscribe: { type: "subscribed"; id: number; pattern: string };
  unsubscribe: { type: "unsubscribed"; id: number; pattern: string };
  history: History;
  search: History | Found;
  members: { type: "members"; id: number; room: string; members: Presence[]; count: number; operators?: string[]; voices?: string[] };
  rooms: { type: "rooms"; id: number; rooms: Array<{ room: string; members: number; private?: true }> };
  bookmarks: { type: "bookmarks"; id: number; bookmarks: Bookmark[] };
  bookmark: Done;
  unbookmark: Done;
  display_name: Done;
  /** Those of the users, of whom was asked, that have one. */
  display_names: { type: "display_names"; id: number; names: Array<{ user: string; name: string }> };
  devices: { type: "devices"; id: number; devices: Device[] };
  memberships: { type: "memberships"; id: number; rooms: ListedRoom[]; conversations: ListedConversation[] };
  invitation: { type: "invitation"; id: number; room: string } & Invitation;
  invitations: { type: "invitations"; id: number; room: string; invitations: Invitation[] };
  revoke: Done;
  add_device: { type: "device_code"; id: number; code: string; expires: string };
  end_device: Done;
  about: { type: "about"; id: number } & About;
  describe: Done;
  pin: Done;
  unpin: Done;
  create: { type: "created"; id: number; room: string };
  ping: { type: "pong"; id: number };
  time: { type: "time"; id: number; time: string; epoch_ms: number };
  refresh: Done;
  unclaim: Done;
  done: Done;
  edit: Done;
  delete: Done;
  invite: Done;
  remove: Done;
  kick: Done;
  ban: Done;
  unban: Done;
  mute: Done;
  unmute: Done;
  role: Done;
  settings: Done;
  end: Done;
}

/** A code that admits whoever shows it. */
export interface Invitation {
  invitation: number;
  code: string;
  by: string;
  /** How many users it admits. */
  uses: number;
  used: number;
  until: string;
  at: string;
}

/** A room on whose list the user is, or that the user has bookmarked. */
export interface ListedRoom {
  room: string;
  role?: Role;
  private?: true;
  /** Who invited the user, who has not entered yet. */
  invited_by?: string;
  invited_at?: string;
  /** The newest message, and up to which the user has read; absent where nothing is stored. */
  seq?: number;
  read?: number;
}

export interface ListedConversation {
  room: string;
  /** The other user. */
  user: string;
  seq: number;
  read: number;
}

/** Where the user is signed in. */
export interface Device {
  device: string;
  label?: string;
  created: string;
  /** To an hour. */
  seen?: string;
  connections: number;
  /** The device that asks. */
  current?: true;
}

export interface Done {
  type: "ok";
  id: number;
}

/** A part of a room's history, oldest first. */
export interface History {
  type: "history";
  id: number;
  room: string;
  epoch: string;
  messages: HistoryMessage[];
  complete: boolean;
}

/** Messages of all rooms, newest first; `next` asks for the page after this one. */
export interface Found {
  type: "found";
  id: number;
  messages: HistoryMessage[];
  next?: string;
  complete: boolean;
}

/** In a private conversation it has also `from`, the same as `user`, and `to`. */
export interface HistoryMessage extends MessageContent {
  user: string;
  from?: string;
  to?: string;
}

// --- The client ---------------------------------------------------------------------------------

export interface PublishOptions {
  /** The id of the message, 1–64 bytes. Default: a random one. */
  mid?: string;
  /** The `seq` of the message that this one answers. */
  reply_to?: number;
  /** The `seq` of the message that this one is a reaction to. */
  react_to?: number;
  /** The message is stored only if the room's newest has this `seq`, 0 for none; otherwise it is refused as `conflict`,
   * with the newest as `details.seq`. */
  if_seq?: number;
  /** What the message is the newest value of, 1–64 bytes. With `deleted: true`, and no body, it removes the key. */
  key?: string;
  /** The same as `if_seq` of the newest message of `key`. */
  if_key_seq?: number;
  /** `false`: it goes to those who are in the room and is kept nowhere. */
  store?: boolean;
  [field: string]: unknown;
}

export class Client {
  /** `url` is `ws://HOST:PORT/ws` or `wss:`. The client does nothing before `open`.
   * @throws TypeError if the URL is not valid, or there is no WebSocket. */
  constructor(url: string | URL, options?: Options);

  readonly state: State;
  /** The user's name; that of a guest is known from the first `welcome` on. */
  readonly user: string | undefined;
  /** The limits in the server's `welcome`; before it, only a default of `message_bytes`. */
  readonly limits: Partial<Limits> & Pick<Limits, "message_bytes">;
  /** Messages without a reply, oldest first, as commands. Passed to `publish` with their `mid` on another page
   * or in another process, they are still published once. */
  readonly unsent: ReadonlyArray<{
    type: "message" | "private";
    room?: string;
    to?: string;
    mid: string;
    message?: string;
    data?: Uint8Array;
    cipher?: object;
    reply_to?: number;
    react_to?: number;
    if_seq?: number;
    [field: string]: unknown;
  }>;

  /** Calls `listener` for each event of this type, or with `"*"` of any type. Returns a function that removes
   * the listener. */
  on<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): () => void;
  on(type: "*", listener: (event: Events[keyof Events]) => void): () => void;
  on(type: string, listener: (event: any) => void): () => void;

  /** Connects; also after `close`. */
  open(): this;
  /** Connects now instead of waiting for the next attempt. */
  retry(): void;
  /** Closes the connection and does not reconnect. Messages that are not sent stay in `unsent`. */
  close(reason?: string): void;

  /** Joins a room, and joins it again after each reconnect until it is left. `history` overrides that of the
   * options; with `latest` the newest message of each key comes in place of the newest messages, all or none. With
   * `since`, a position that the program has kept, what came after it is replayed, or there is a `gap`. In a
   * `group` each message that is published from now on goes to one of the members, who has `prefetch` (1) at once, each
   * for `visibility_s` (30) seconds or until `request({type: "done", room, seq})`. With `receipt_counts` a room that is too
   * large for receipts counts them: see the event of that name. Resolves with the server's reply, or in a room that the client is in already with the earlier one;
   * rejects with the server's refusal. */
  join(
    room: string,
    options?: ({ history?: number; latest?: boolean; since?: { epoch: string; seq: number } } | { group: string; prefetch?: number; visibility_s?: number }) & { receipt_counts?: boolean },
  ): Promise<Joined>;
  /** Leaves a room. Rejects with the server's refusal; the client forgets the room all the same. Without a
   * connection it resolves with undefined. */
  leave(room: string): Promise<Replies["leave"] | undefined>;

  /** Subscribes to every topic whose name matches a pattern, also to those that open later, and again after each reconnect:
   * `*` is one level between dots, `>` at the end one or more. Each message comes once, also of a room that was joined; what a
   * topic says without a connection is missed. Rejects with the server's refusal, or with `interrupted`. */
  subscribe(pattern: string): Promise<Replies["subscribe"]>;
  /** Ends that: afterwards nothing more comes that no other pattern matches. */
  unsubscribe(pattern: string): Promise<Replies["unsubscribe"]>;

  /** Publishes in a room that was joined. Resolves when the server has stored the message, over as many
   * connections as that takes; rejects when the server refuses it for good. Only what is `deleted` has no body. */
  publish(room: string, body: Body | undefined, options?: PublishOptions): Promise<Sent>;
  /** Sends a private message to a user, likewise. */
  whisper(to: string, body: Body, options?: PublishOptions): Promise<Sent>;
  /** Retracts a message that was never sent: its promise rejects with `retracted`. Returns false if it is too
   * late. */
  retract(mid: string): boolean;

  /** Sends a command that has a reply (docs/protocol.md, without `id`). Rejects with the server's error, or with
   * `interrupted` if there is no connection or it is lost before the reply. */
  request<T extends keyof Replies>(command: { type: T; [field: string]: unknown }): Promise<Replies[T]>;
  request(command: object): Promise<any>;
  /** Sends a command that has no reply. Returns false if it cannot be sent now; it is then not sent later. */
  tell(command: object): boolean;
}

/** Returns a random message id that cannot be guessed. */
export function newMid(): string;
