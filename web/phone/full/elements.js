/** The parts of index.html. */

import { find } from "../find.js";

export const login = {
  form: find("accountForm", HTMLFormElement),
  login: find("sipLogin", HTMLInputElement),
  password: find("sipPassword", HTMLInputElement),
  domain: find("sipDomain", HTMLInputElement),
  authName: find("sipAuthenticationName", HTMLInputElement),
  proxy: find("sipOutboundProxy", HTMLInputElement),
  port: find("sipPort", HTMLInputElement),
  transport: find("sipTransport", HTMLSelectElement),
  register: find("sipRegisterRequired", HTMLInputElement),
  more: find("more", HTMLDetailsElement),
  error: find("loginError", HTMLParagraphElement),
  connect: find("connectBtn", HTMLButtonElement),
};

export const page = {
  login: find("loginView", HTMLElement),
  phone: find("phoneView", HTMLElement),
  aor: find("aor", HTMLSpanElement),
  status: find("sessionStatus", HTMLSpanElement),
  logout: find("logoutBtn", HTMLButtonElement),
  notice: find("notice", HTMLParagraphElement),
};

export const stage = {
  box: find("stage", HTMLDivElement),
  remoteVideo: find("remoteVideo", HTMLVideoElement),
  localVideo: find("localVideo", HTMLVideoElement),
  remoteAudio: find("remoteAudio", HTMLAudioElement),
  avatar: find("avatar", HTMLDivElement),
  party: find("partyName", HTMLHeadingElement),
  status: find("callStatus", HTMLParagraphElement),
  duration: find("duration", HTMLTimeElement),
  meter: find("meter", HTMLSpanElement),
  mos: find("mos", HTMLSpanElement),
  digits: find("digits", HTMLOutputElement),
  controls: find("controls", HTMLDivElement),
  mute: find("muteBtn", HTMLButtonElement),
  hold: find("holdBtn", HTMLButtonElement),
  keypad: find("keypadBtn", HTMLButtonElement),
  transfer: find("transferOpen", HTMLButtonElement),
  camera: find("cameraBtn", HTMLButtonElement),
  screen: find("screenBtn", HTMLButtonElement),
  second: find("secondBtn", HTMLButtonElement),
  answer: find("answerBtn", HTMLButtonElement),
  answerVideo: find("answerVideoBtn", HTMLButtonElement),
  hangup: find("hangupBtn", HTMLButtonElement),
  hangupLabel: find("hangupLabel", HTMLSpanElement),
  close: find("closeBtn", HTMLButtonElement),
};

export const dial = {
  form: find("dialForm", HTMLFormElement),
  back: find("backBtn", HTMLButtonElement),
  callee: find("callee", HTMLInputElement),
  erase: find("eraseBtn", HTMLButtonElement),
  keypad: find("keypad", HTMLDivElement),
  buttons: find("dialButtons", HTMLDivElement),
  call: find("callBtn", HTMLButtonElement),
  videoCall: find("videoCallBtn", HTMLButtonElement),
};

export const others = find("callList", HTMLUListElement);

export const side = {
  tabs: /** @type {const} */ (["phone", "recents", "messages", "settings"]),
  unread: find("unread", HTMLSpanElement),
  history: find("historyList", HTMLOListElement),
  noHistory: find("noHistory", HTMLParagraphElement),
  clearHistory: find("clearHistoryBtn", HTMLButtonElement),
  messages: find("messageList", HTMLOListElement),
  noMessages: find("noMessages", HTMLParagraphElement),
  messageForm: find("messageForm", HTMLFormElement),
  messageTo: find("messageTo", HTMLInputElement),
  messageText: find("messageText", HTMLInputElement),
};

export const settings = {
  microphone: find("microphone", HTMLSelectElement),
  speaker: find("speaker", HTMLSelectElement),
  speakerField: find("speakerField", HTMLLabelElement),
  camera: find("camera", HTMLSelectElement),
  hint: find("deviceHint", HTMLParagraphElement),
  allow: find("allowBtn", HTMLButtonElement),
  digitsMethod: find("digitsMethod", HTMLSelectElement),
  oneCall: find("oneCall", HTMLInputElement),
  shortcuts: find("shortcuts", HTMLInputElement),
};

export const transfer = {
  dialog: find("transferDialog", HTMLDialogElement),
  form: find("transferForm", HTMLFormElement),
  calls: find("transferCalls", HTMLUListElement),
  to: find("transferTo", HTMLInputElement),
  cancel: find("transferCancel", HTMLButtonElement),
};

/**
 * @param {string} text
 * @param {{ className?: string, label?: string, icon?: string }} [options]
 * @returns {HTMLButtonElement}
 */
export function button(text, { className = "", label, icon } = {}) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  if (label) made.setAttribute("aria-label", label);
  made.append(...(icon ? [picture(icon)] : []), text);
  return made;
}

/**
 * @param {string} name of icons.svg
 * @returns {SVGSVGElement}
 */
export function picture(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/**
 * @param {string} className
 * @param {string} text
 * @returns {HTMLSpanElement}
 */
export function span(className, text) {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}
