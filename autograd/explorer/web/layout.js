/* Graphviz as WebAssembly (Viz.js), which the page holds packed: unpacked when it is first needed. */

import { unpacked } from "./unpacked.js";

let engine = null;
async function started() {
  const address = URL.createObjectURL(new Blob([await unpacked("graphviz")], { type: "text/javascript" }));
  const { instance } = await import(address);
  URL.revokeObjectURL(address);
  return instance();
}

async function svgOf(dot) {
  engine ??= started();
  const { output, errors } = (await engine).render(dot, { format: "svg" });
  if (output === undefined) throw new Error(errors.map(({ message }) => message).join("; "));
  return output;
}

export { svgOf };
