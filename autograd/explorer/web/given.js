/* The data of the page: texts and numbers. The playground makes them for each program, with a `signal` that aborts the
   page before, its `program`, and a listener for the selection. */

import { TEXTS } from "./texts.js";
import { unpacked } from "./unpacked.js";

if (typeof DecompressionStream === "undefined") {
  document.getElementById("sentence").textContent = TEXTS[document.documentElement.lang].old;
}
const given = {
  payload: JSON.parse(new TextDecoder().decode(await unpacked("payload"))),
  numbers: new Float64Array(await unpacked("numbers")),
  signal: new AbortController().signal,
};

export { given };
