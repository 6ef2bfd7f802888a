/** What is remembered between two requests. */

import { expect, test } from "vitest";
import { type Asked, Recent } from "../src/recent.js";

test("an answer ends the wait of its own turn alone", () => {
  const recent = new Recent();
  const one: Asked = { message: { role: "user", content: "One" }, turnId: "1" };
  const other: Asked = { message: { role: "user", content: "Other" }, turnId: "2" };
  recent.ask("c", one);
  recent.ask("c", other);
  recent.answered("c", one.turnId);
  expect(recent.asked("c")).toBe(other);
  recent.answered("c", other.turnId);
  expect(recent.asked("c")).toBeUndefined();
});
