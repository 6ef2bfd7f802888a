/** What the calls of the client take beside their subject. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RetryPolicy } from "./retry.js";
import type { ContextOptionsSchema, FactKind, FactOwner } from "./v1.js";

/** Where the server is, who calls, and how patiently. */
export interface ClientOptions {
  /** `host:port` or a URL (`https` for TLS); `THROUGHLINE_ADDRESS` if absent. */
  address?: string | undefined;
  /** `THROUGHLINE_API_KEY` if absent. */
  apiKey?: string | undefined;
  /** For calls that give none of their own, retries included. Default 30,000. */
  timeoutMs?: number;
  /** Default: 8 attempts. */
  retry?: Partial<RetryPolicy>;
}

/** What every call takes. */
export interface Call {
  /** What the call may take, retries included. */
  timeoutMs?: number | undefined;
}

/** Calls that build windows. */
export interface Window {
  /** Tokens that the window may cost; the server's default if absent. */
  budget?: number | undefined;
  /** What else it is built by. */
  options?: MessageInitShape<typeof ContextOptionsSchema> | undefined;
}

/** Calls that give one page. */
export interface Paged {
  /** The server's default if absent. */
  pageSize?: number;
  /** `nextPageToken` of the page before. */
  pageToken?: string;
}

/** Of `createConversation`. */
export interface CreateConversation extends Call {
  userId?: string;
  title?: string;
  labels?: Record<string, string>;
  /** Makes the call repeatable; drawn if absent. */
  requestId?: string;
}

/** Of `prepareTurn`. */
export interface PrepareTurn extends Call, Window {
  /** Makes the call exactly-once; drawn if absent. */
  turnId?: string | undefined;
  /** Append only on this state of the conversation. */
  expectedLastSequence?: number;
}

/** Of `commitTurn`. */
export interface CommitTurn extends Call {
  /** An answer may come in pieces, such as one for each round of tool calls: how
   * many messages since the user's were committed before. */
  position?: number;
  /** The answer did not come to its end. */
  cutOff?: boolean;
}

/** Of `appendTurns`. */
export interface AppendTurns extends Call {
  /** Append only on this state of the conversation. */
  expectedLastSequence?: number;
  /** Answer only when the turns are searchable. */
  waitIndexed?: boolean;
}

/** Of `turns`. */
export interface Turns extends Call {
  fromSequence?: number;
}

/** Of `listTurns`. */
export interface ListTurns extends Turns, Paged {
  /** Newest first. */
  descending?: boolean;
}

/** Of `buildContext`. */
export interface BuildContext extends Call, Window {
  /** The window as it would have been after this turn. */
  asOfTurn?: number;
  /** Wait until this revision is searchable. */
  minRevision?: bigint;
}

/** Of `searchTurns`: in one conversation, or in all of a user's. */
export type SearchTurns = ({ conversation: string } | { userId: string }) &
  Call &
  Paged & {
    /** Wait until this revision is searchable. */
    minRevision?: bigint;
  };

/** Of `pinFact`. */
export interface PinFact extends Call {
  /** Default: FACT. */
  kind?: FactKind;
  /** Always in the window. */
  required?: boolean;
  /** The turn that it comes from. */
  sourceSequence?: number;
  subject?: string;
  attribute?: string;
  value?: string;
  /** Whose it is; default: CONVERSATION. */
  owner?: FactOwner;
  /** Makes the call repeatable; drawn if absent. */
  requestId?: string;
}

/** Of `listFacts`. */
export interface ListFacts extends Call, Paged {
  includeRetired?: boolean;
}
