/** How the user wants the phone to be (devices apart); kept in this browser. */

import { settings } from "./elements.js";
import { keep } from "./keep.js";

const CHECKS = /** @type {const} */ ([settings.oneCall, settings.shortcuts]);
/** @type {{ read: () => Record<string, string | boolean>, write: (choices: Record<string, string | boolean>) => void }} */
const kept = keep(localStorage, "cordboard.choices", {});

export function bindChoices() {
  const choices = kept.read();
  const method = choices[settings.digitsMethod.id];
  if ([...settings.digitsMethod.options].some(({ value }) => value === method)) settings.digitsMethod.value = String(method);
  for (const check of CHECKS) check.checked = Boolean(choices[check.id] ?? check.checked);
  for (const field of [settings.digitsMethod, ...CHECKS]) field.addEventListener("change", save);
}

function save() {
  const checks = CHECKS.map((check) => [check.id, check.checked]);
  kept.write(Object.fromEntries([...checks, [settings.digitsMethod.id, settings.digitsMethod.value]]));
}
