/** What is beside the phone; on a telephone the phone itself is one of the tabs. */

import { find } from "../find.js";
import { side } from "./elements.js";

/** @typedef {typeof side.tabs[number]} Tab */

/** @type {Tab} */
let chosen = "phone";
const narrow = matchMedia("(max-width: 820px)");
/** @type {Set<(tab: Tab) => void>} */
const listeners = new Set();

/** @returns {Tab} the one whose panel is seen beside the phone, or in its place */
export function shownTab() {
  return chosen === "phone" && !narrow.matches ? "recents" : chosen;
}

/** @returns {boolean} whether the calls are in sight */
export function isPhoneShown() {
  return chosen === "phone" || !narrow.matches;
}

/** @param {Tab} tab */
export function chooseTab(tab) {
  chosen = tab;
  draw();
  for (const listener of listeners) listener(tab);
}

/** @param {(tab: Tab) => void} listener */
export function onTab(listener) {
  listeners.add(listener);
}

function draw() {
  const shown = shownTab();
  document.body.dataset.tab = chosen;
  for (const tab of side.tabs) {
    const button = find(`${tab}Tab`, HTMLButtonElement);
    button.setAttribute("aria-selected", String(tab === shown));
    button.tabIndex = tab === shown ? 0 : -1;
    if (tab !== "phone") find(tab, HTMLElement).hidden = tab !== shown;
  }
}

export function bindTabs() {
  for (const [index, tab] of side.tabs.entries()) {
    const button = find(`${tab}Tab`, HTMLButtonElement);
    button.addEventListener("click", () => chooseTab(tab));
    button.addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (!step) return;
      const first = narrow.matches ? 0 : 1; // the phone is no tab where there is room for it
      const count = side.tabs.length - first;
      const next = /** @type {Tab} */ (side.tabs[first + ((index - first + step + count) % count)]);
      chooseTab(next);
      find(`${next}Tab`, HTMLButtonElement).focus();
    });
  }
  narrow.addEventListener("change", draw);
  draw();
}
