/* The page's texts in the language of the reader; each language is one file in `texts`. */

import { find } from "./elements.js";
import { payload } from "./payload.js";
import { change, onChange, state, view } from "./state.js";
import { TEXTS } from "./texts.js";

const plural = Object.fromEntries(Object.keys(TEXTS).map((language) => [language, new Intl.PluralRules(language)]));

/** The text of a key with these values, in its form for `values.count`. */
function say(key, values = {}) {
  const text = TEXTS[state.language][key];
  const form = typeof text === "string" ? text : text[plural[state.language].select(values.count)] ?? text.other;
  return form.replace(/\{(\w+)\}/g, (_, name) => (name === "count" ? values.count.toLocaleString(state.language) : values[name]));
}

/** A text as elements; keys to press are between backquotes. */
const keyed = (text) => text.split(/`([^`]+)`/).map((part, place) => (place % 2 ? Object.assign(document.createElement("kbd"), { textContent: part }) : part));

/** Translate the fixed texts of the page. */
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

/** A button that starts something, or pauses it while that is on. */
function toggle(button, on, key) {
  button.setAttribute("aria-pressed", String(on));
  button.dataset.say = on ? "pause" : key;
  button.textContent = say(button.dataset.say);
}

export { say, toggle };
