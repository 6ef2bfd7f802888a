/** Client of Throughline, the conversation memory service for chat backends.
 *
 *     const memory = new Client();
 *     const turn = await memory.prepareTurn("trip", "Where do I stay?", { budget: 2000 });
 *     const answer = ...; // a chat completion of turn.messages
 *     await memory.commitTurn(turn, answer);
 */

export {
  type ChatContentPart,
  type ChatInput,
  type ChatMessage,
  toMessages,
  toTurn,
} from "./chat.js";
export { Client } from "./client.js";
export {
  AlreadyExistsError,
  AuthenticationError,
  BudgetTooSmallError,
  ConflictError,
  DeadlineExceededError,
  type FieldViolation,
  InvalidArgumentError,
  NotFoundError,
  PermissionDeniedError,
  PreconditionError,
  ResourceExhaustedError,
  ServerError,
  ThroughlineError,
  UnavailableError,
} from "./errors.js";
export type * from "./options.js";
export type { Context, Page, PreparedTurn, TurnKey } from "./results.js";
export { DEFAULT_RETRY, type RetryPolicy } from "./retry.js";
