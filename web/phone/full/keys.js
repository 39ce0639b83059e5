/** The keyboard as a telephone: digits anywhere outside of fields, and one letter for each button. */

import { settings, stage, transfer } from "./elements.js";

const DIGIT = /^[0-9*#+]$/;

const BUTTON_OF_KEY = /** @type {Readonly<Record<string, HTMLButtonElement>>} */ ({
  m: stage.mute,
  h: stage.hold,
  k: stage.keypad,
  t: stage.transfer,
  v: stage.camera,
  s: stage.screen,
  n: stage.second,
});

/** @param {(digit: string) => void} pressDigit */
export function bindKeys(pressDigit) {
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (!settings.shortcuts.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (transfer.dialog.open || isField(target)) return;
    if (DIGIT.test(key)) pressDigit(key);
    else if (key === "Enter" && !(target instanceof HTMLButtonElement)) pressButton(stage.answer);
    else if (BUTTON_OF_KEY[key]) pressButton(BUTTON_OF_KEY[key]);
    else return;
    event.preventDefault();
  });
}

/** @param {HTMLButtonElement | undefined} button as it stands: what cannot be pressed is not */
function pressButton(button) {
  if (button?.checkVisibility() && !button.disabled) button.click();
}

/** @param {EventTarget | null} target */
function isField(target) {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
}
