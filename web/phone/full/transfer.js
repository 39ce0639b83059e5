/** To whom the present call is handed: the far side of another call, or an address. */

import { partyName } from "../words.js";
import { button, transfer } from "./elements.js";
import { attempt, notice } from "./notice.js";
import { shortAddress } from "./status.js";

/** @typedef {import("../../sdk/index.js").Call} Call */

/** @type {Call | null} */
let present = null;

/**
 * @param {Call} call
 * @param {Call[]} others
 */
export function openTransfer(call, others) {
  present = call;
  const candidates = others.filter(({ isEstablished }) => isEstablished);
  transfer.calls.hidden = candidates.length === 0;
  transfer.calls.replaceChildren(...candidates.map((other) => item(call, other)));
  transfer.to.value = "";
  transfer.dialog.showModal();
}

/**
 * @param {Call} call
 * @param {Call} other
 */
function item(call, other) {
  const made = document.createElement("li");
  const pick = button(`Connect with ${shortAddress(partyName(other))}`, { icon: "transfer" });
  pick.addEventListener("click", () => {
    transfer.dialog.close();
    void hand(partyName(other), () => call.transferTo(other));
  });
  made.append(pick);
  return made;
}

/**
 * @param {string} to
 * @param {() => Promise<void>} run
 */
async function hand(to, run) {
  notice(`Transferring to ${shortAddress(to)}`);
  if (await attempt(`Transfer to ${shortAddress(to)}`, run)) notice(`Transferred to ${shortAddress(to)}`);
}

export function bindTransfer() {
  transfer.form.addEventListener("submit", () => {
    const to = transfer.to.value.trim();
    const call = present;
    if (to && call) void hand(to, () => call.transfer(to));
  });
  transfer.cancel.addEventListener("click", () => transfer.dialog.close());
}

/** @param {Call | null} call on the stage: a dialog about another one is closed */
export function followTransfer(call) {
  if (transfer.dialog.open && (call !== present || !call?.isEstablished)) transfer.dialog.close();
}
