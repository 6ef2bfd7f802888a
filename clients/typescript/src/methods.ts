/** What the SDK knows of the protocol's methods beyond their types: which may be
 * sent twice, and which carry idempotency keys. */

import { randomUUID } from "node:crypto";
import {
  type DescMessage,
  type DescMethodUnary,
  isMessage,
  type Message,
} from "@bufbuild/protobuf";
import {
  AppendTurnsRequestSchema,
  ConversationService,
  CreateConversationRequestSchema,
  ForkConversationRequestSchema,
  ItemService,
  MemoryService,
  PinFactRequestSchema,
  PrepareTurnRequestSchema,
  RecordOutcomeRequestSchema,
} from "./v1.js";

/** A method with one answer to one request. */
export type UnaryMethod<I extends DescMessage, O extends DescMessage> = DescMethodUnary<I, O>;

/** Writes without an idempotency key: sent again, they may answer otherwise. */
const ONCE: ReadonlySet<unknown> = new Set([
  ConversationService.method.updateConversation,
  ConversationService.method.deleteConversation,
  ConversationService.method.forgetTurns,
  MemoryService.method.updateFact,
  MemoryService.method.unpinFact,
  MemoryService.method.rejectEdge,
  ItemService.method.deleteItem,
]);

/** Whether sending the same request again changes nothing more. */
export function isRepeatable(method: DescMethodUnary): boolean {
  return !ONCE.has(method);
}

/** A key that nobody has drawn before. */
export function newKey(): string {
  return randomUUID().replaceAll("-", "");
}

/** Draws the idempotency keys that the caller left empty, so that every attempt
 * carries the same. */
export function fillKeys(request: Message): void {
  if (
    isMessage(request, CreateConversationRequestSchema) ||
    isMessage(request, ForkConversationRequestSchema) ||
    isMessage(request, PinFactRequestSchema)
  ) {
    request.requestId ||= newKey();
  } else if (isMessage(request, AppendTurnsRequestSchema)) {
    for (const turn of request.turns) turn.clientTurnId ||= newKey();
  } else if (isMessage(request, PrepareTurnRequestSchema) && request.turn) {
    request.turn.clientTurnId ||= newKey();
  } else if (isMessage(request, RecordOutcomeRequestSchema) && request.outcome) {
    request.outcome.outcomeId ||= newKey();
  }
}
