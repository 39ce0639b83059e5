/** The dial pad: of the number before a call, and of digits in it. */

import { dial, stage } from "./elements.js";

/** @type {ReadonlyArray<readonly [string, string]>} ITU-T E.161 */
const KEYS = [
  ["1", ""], ["2", "abc"], ["3", "def"],
  ["4", "ghi"], ["5", "jkl"], ["6", "mno"],
  ["7", "pqrs"], ["8", "tuv"], ["9", "wxyz"],
  ["*", ""], ["0", "+"], ["#", ""],
];
const NAMES = /** @type {Readonly<Record<string, string>>} */ ({ "*": "star", "#": "hash" });
const LONG_PRESS = 600; // milliseconds: a long zero is a plus, as on every telephone

/** @param {(key: string) => void} press */
export function makeKeypad(press) {
  for (const [digit, letters] of KEYS) {
    const key = document.createElement("button");
    key.type = "button";
    key.dataset.key = digit;
    key.setAttribute("aria-label", NAMES[digit] ?? digit);
    const small = document.createElement("small");
    small.textContent = letters;
    key.append(digit, small);
    dial.keypad.append(key);
  }
  dial.keypad.addEventListener("click", ({ target }) => {
    const key = target instanceof Element ? target.closest("button")?.dataset.key : undefined;
    if (key) press(key);
  });
  onLongPress(/** @type {HTMLButtonElement} */ (dial.keypad.querySelector('[data-key="0"]')));
}

/** @param {HTMLButtonElement} zero */
function onLongPress(zero) {
  /** @type {number | undefined} */
  let timer;
  zero.addEventListener("pointerdown", () => {
    timer = setTimeout(() => {
      zero.dataset.key = "+";
    }, LONG_PRESS);
  });
  zero.addEventListener("click", () => {
    clearTimeout(timer);
    setTimeout(() => (zero.dataset.key = "0")); // after the pad itself has heard of the click
  });
  zero.addEventListener("pointerleave", () => {
    clearTimeout(timer);
    zero.dataset.key = "0";
  });
}

/**
 * The same keys, below the number or on the stage.
 * @param {boolean} inCall
 */
export function placeKeypad(inCall) {
  if (inCall && dial.keypad.parentElement !== stage.box) stage.controls.before(dial.keypad);
  if (!inCall && dial.keypad.parentElement === stage.box) dial.buttons.before(dial.keypad);
}

/**
 * Put a character where the cursor is, as typing does.
 * @param {string} character
 */
export function typeInto(character) {
  const { callee } = dial;
  const [start, end] = [callee.selectionStart ?? callee.value.length, callee.selectionEnd ?? callee.value.length];
  callee.setRangeText(character, start, end, "end");
  callee.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Take the character before the cursor away. */
export function eraseLast() {
  const { callee } = dial;
  const end = callee.selectionEnd ?? callee.value.length;
  const start = callee.selectionStart ?? end;
  callee.setRangeText("", start === end ? Math.max(0, end - 1) : start, end, "end");
  callee.dispatchEvent(new Event("input", { bubbles: true }));
}
