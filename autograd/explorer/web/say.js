/* What the page says, in the language that the reader has chosen: the texts of each are one file in `texts`. */

import { find, payload } from "./payload.js";
import { change, onChange, state, view } from "./state.js";
import { TEXTS } from "./texts.js";

const plural = Object.fromEntries(Object.keys(TEXTS).map((language) => [language, new Intl.PluralRules(language)]));

/** The text with that key, with these values in it; of a text with several forms the one for `values.count`. */
function say(key, values = {}) {
  const text = TEXTS[state.language][key];
  const form = typeof text === "string" ? text : text[plural[state.language].select(values.count)] ?? text.other;
  return form.replace(/\{(\w+)\}/g, (_, name) => (name === "count" ? values.count.toLocaleString(state.language) : values[name]));
}

/** A text as elements: what is between backquotes is a key to press. */
const keyed = (text) => text.split(/`([^`]+)`/).map((part, place) => (place % 2 ? Object.assign(document.createElement("kbd"), { textContent: part }) : part));

/** What stands on the page all the time. */
function translate() {
  document.documentElement.lang = state.language;
  for (const element of document.querySelectorAll("[data-say]")) element.replaceChildren(...keyed(say(element.dataset.say)));
  for (const attribute of ["aria-label", "placeholder"]) {
    for (const element of document.querySelectorAll(`[data-say-${attribute}]`)) element.setAttribute(attribute, say(element.getAttribute(`data-say-${attribute}`)));
  }
  if (!payload.titled) document.title = document.querySelector("h1").textContent = say("title", { name: payload.nodes.at(-1).name });
}

for (const [language, { language: own }] of Object.entries(TEXTS)) find("language").append(new Option(own, language));
find("language").value = state.language;
find("language").addEventListener("change", ({ target }) => change({ language: target.value }));
view(onChange(() => [], translate));

/** Say something else in an element, whatever the language becomes. */
function sayIn(element, key) {
  element.dataset.say = key;
  element.textContent = say(key);
}

export { say, sayIn };
