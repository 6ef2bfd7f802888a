/** The history that an application brings along to a conversation that is new: taken
 * in once, whole, and in order, also where two requests bring it at the same time, or
 * where the process ends on the way.
 *
 * Its turns have ids by their place, and each batch is appended on the state that the
 * one before it left: a batch that is sent again is a repeat, and what another request
 * has stored so far is gone on from. */

import { type ChatMessage, toTurn } from "./chat.js";
import type { Client } from "./client.js";
import { AlreadyExistsError, ConflictError } from "./errors.js";
import { sequenceOf } from "./names.js";

const TURNS_PER_APPEND = 100;

/** The id under which a message may be stored already. */
export type IdOf = (message: ChatMessage) => string | undefined;

/** Stores the history where the conversation is empty, or holds the beginning of the
 * history and nothing else. Says whether all of it is stored then. */
export async function takeIn(
  client: Client,
  conversation: string,
  history: ChatMessage[],
  idOf: IdOf,
  created: boolean,
): Promise<boolean> {
  const ids = idsOf(history, idOf);
  let from = created || ids.length === 0 ? 0 : await stored(client, conversation, ids);
  while (from !== undefined && from < ids.length) {
    const start = from;
    const batch = history.slice(start, start + TURNS_PER_APPEND);
    const turns = batch.map((message, index) => turnOf(message, ids[start + index]));
    try {
      await client.appendTurns(conversation, turns, { expectedLastSequence: start });
      from = start + turns.length;
    } catch (error) {
      if (error instanceof ConflictError) {
        // Another request was first. What it stored is at least one turn more.
        const found = await stored(client, conversation, ids);
        from = found !== undefined && found > start ? found : undefined;
      } else if (error instanceof AlreadyExistsError && isOfHistory(error, ids)) {
        // Another history is there.
        from = undefined;
      } else {
        throw error;
      }
    }
  }
  return from !== undefined;
}

/** Stores messages behind what is there. */
export async function append(
  client: Client,
  conversation: string,
  messages: ChatMessage[],
  idOf: IdOf,
): Promise<void> {
  const turns = messages.map((message) => turnOf(message, idOf(message)));
  for (let start = 0; start < turns.length; start += TURNS_PER_APPEND) {
    await client.appendTurns(conversation, turns.slice(start, start + TURNS_PER_APPEND));
  }
}

/** How much of the history a conversation holds that holds nothing else; undefined for
 * one that goes on otherwise. */
async function stored(
  client: Client,
  conversation: string,
  ids: string[],
): Promise<number | undefined> {
  const { items } = await client.listTurns(conversation, { descending: true, pageSize: 1 });
  const [newest] = items;
  if (!newest) return 0;
  const sequence = Number(newest.sequence);
  return ids[sequence - 1] === newest.clientTurnId ? sequence : undefined;
}

function idsOf(history: ChatMessage[], idOf: IdOf): string[] {
  const ids = new Set<string>();
  for (const [place, message] of history.entries()) {
    // The same words may stand there twice; one of them is the message that waits.
    const known = idOf(message);
    ids.add(known && !ids.has(known) ? known : placeId(place));
  }
  return [...ids];
}

/** The id that is taken is one of those by place. */
function isOfHistory(error: AlreadyExistsError, ids: string[]): boolean {
  const [existing = ""] = (error.metadata.existing ?? "").split(",");
  const place = sequenceOf(existing) - 1;
  return ids[place] === placeId(place);
}

function turnOf(message: ChatMessage, clientTurnId: string | undefined) {
  return Object.assign(toTurn(message), { clientTurnId: clientTurnId ?? "" });
}

function placeId(place: number): string {
  return `history/${place}`;
}
