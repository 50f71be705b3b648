/* What the page is given: what there is to say, and the numbers. The playground gives it anew for each program, with
   a `signal` that the page before is gone, its `program`, and who is told of what is selected. */

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
