/** The parts of index.html. */

import { find } from "./find.js";

export const account = {
  form: find("accountForm", HTMLFormElement),
  fields: find("accountFields", HTMLFieldSetElement),
  card: find("accountCard", HTMLElement),
  demo: find("demo", HTMLDivElement),
  status: find("sessionStatus", HTMLParagraphElement),
  connect: find("connectBtn", HTMLButtonElement),
  url: find("urlServer", HTMLInputElement),
  login: find("sipLogin", HTMLInputElement),
  authName: find("sipAuthenticationName", HTMLInputElement),
  password: find("sipPassword", HTMLInputElement),
  domain: find("sipDomain", HTMLInputElement),
  proxy: find("sipOutboundProxy", HTMLInputElement),
  port: find("sipPort", HTMLInputElement),
  transport: find("sipTransport", HTMLSelectElement),
  register: find("sipRegisterRequired", HTMLInputElement),
};

export const dial = {
  form: find("dialForm", HTMLFormElement),
  callee: find("callee", HTMLInputElement),
  call: find("callBtn", HTMLButtonElement),
  video: find("videoWanted", HTMLInputElement),
};

export const stage = {
  card: find("callCard", HTMLElement),
  box: find("stage", HTMLDivElement),
  incoming: find("incoming", HTMLParagraphElement),
  avatar: find("avatar", HTMLDivElement),
  party: find("partyName", HTMLParagraphElement),
  status: find("callStatus", HTMLParagraphElement),
  duration: find("duration", HTMLTimeElement),
  quality: find("quality", HTMLSpanElement),
  remoteVideo: find("remoteVideo", HTMLVideoElement),
  localVideo: find("localVideo", HTMLVideoElement),
  remoteAudio: find("remoteAudio", HTMLAudioElement),
  answer: find("answerBtn", HTMLButtonElement),
  hangup: find("hangupBtn", HTMLButtonElement),
  mute: find("muteBtn", HTMLButtonElement),
  hold: find("holdBtn", HTMLButtonElement),
};

export const tools = {
  box: find("tools", HTMLDivElement),
  digitsForm: find("digitsForm", HTMLFormElement),
  digits: find("digits", HTMLInputElement),
  digitsMethod: find("digitsMethod", HTMLSelectElement),
  transferForm: find("transferForm", HTMLFormElement),
  transferTo: find("transferTo", HTMLInputElement),
  messageForm: find("messageForm", HTMLFormElement),
  messageText: find("messageText", HTMLInputElement),
  message: find("messageBtn", HTMLButtonElement),
  log: find("log", HTMLOListElement),
};
