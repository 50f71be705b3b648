/* Take it away: the page as a link, a file of its state, Python, a table or a drawing. And back again.

   A state is data: it is checked, and nothing in it is ever run. */

import { find, put } from "./elements.js";
import { given } from "./given.js";
import { canEdit, data, grad, restore, saved } from "./live.js";
import { leaves, nodes, output, parameters, payload } from "./payload.js";
import { exact, inPython } from "./numbers.js";
import { programOf } from "./programs.js";
import { say } from "./say.js";
import { onChange, state, view } from "./state.js";
import { workbook } from "./workbook.js";

const plain = (number) => exact(number).replaceAll("−", "-").replace("∞", "inf");

/** The graph as a program that prints its output and the gradients of trained leaves. */
function program(language, head, leaf) {
  const { names, formulas } = programOf(payload, language, data);
  const lines = names.map((name, place) => name && `${name} = ${formulas[place] || leaf(inPython(data(place)), nodes[place].name)}`);
  const last = names[output];
  const item = language === "torch" ? ".item()" : "";
  const told = [`${last}.backward()`, `print(${JSON.stringify(last)}, ${last}${item || ".data"})`];
  for (const node of parameters.length ? parameters : leaves) told.push(`print(${JSON.stringify(`${names[node]}.grad`)}, ${names[node]}.grad${item})`);
  return `${head(lines.join("\n"))}\n\n${lines.filter(Boolean).join("\n")}\n\n${told.join("\n")}\n`;
}

function imports(text) {
  const called = [...text.matchAll(/(?<![\w."'])([a-z]\w*)(?=\()/g)].map((match) => match[1]).filter((name) => name !== "float");
  const names = ["Value", ...[...new Set(called)].sort()].join(", ");
  return `from autograd import ${names}${text.includes("TABLE[") ? "\nfrom autograd.engine.primitives import TABLE" : ""}`;
}
const python = () => program("python", imports, (number, name) => `Value(${number}, ${JSON.stringify(name)})`);

const TORCH = "import torch\n\n\ndef number(x):\n    return torch.tensor(x, dtype=torch.float64)\n";
const torch = () => program("torch", () => TORCH, (number) => `number(${number}).requires_grad_()`);

/** A field of CSV, never a formula of a spreadsheet. */
const csvField = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
function table() {
  const rows = nodes.map(({ name, op }, node) => [csvField(name), csvField(op), plain(data(node)), plain(grad(node))].join(","));
  return `name,operation,data,gradient\n${rows.join("\n")}\n`;
}

/** The drawing as a file of its own, in the colours of the page. */
function drawing() {
  const svg = document.querySelector("#graph .canvas svg").cloneNode(true);
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.removeAttribute("style");
  const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
  style.textContent = `${document.querySelector("style").textContent}\nsvg { background: var(--paper); font-family: Helvetica, Arial, sans-serif; fill: var(--ink); }`;
  svg.prepend(style);
  return { text: new XMLSerializer().serializeToString(svg), width, height };
}

async function picture() {
  const { text, width, height } = drawing();
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

const stem = () => document.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "backpropagation";

function handOut(content, suffix, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = `${stem()}.${suffix}`;
  link.click();
  URL.revokeObjectURL(link.href);
  put(find("away-said"), say("away.written", { file: link.download }));
}

// --- states ------------------------------------------------------------------------------------------------

/** The state, with the program that the playground shows. */
const stated = () => JSON.stringify({ ...saved(), ...given.program });

async function open(text, from) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    return put(find("away-said"), say("away.no json", { from }));
  }
  const fault = given.open ? await given.open(found) : restore(found);
  put(find("away-said"), fault === null ? say("away.shown", { from }) : say("away.fault", { from, fault: say(`fault.${fault.key}`, fault) }));
}

const HASH = "#state=";
function fromAddress() {
  if (!location.hash.startsWith(HASH)) return;
  let text = "";
  try {
    text = decodeURIComponent(location.hash.slice(HASH.length));
  } catch { /* a broken escape: no JSON either */ }
  open(text, say("away.address"));
}

find("away").hidden = false;
find("as-workbook").hidden = !payload.workbook;
find("as-torch").hidden = !programOf(payload, "torch", data);
const FILES = {
  csv: [table, "csv", "text/csv"], svg: [() => drawing().text, "svg", "image/svg+xml"], png: [picture, "png"], workbook: [workbook, "xlsx"],
  torch: [torch, "torch.py", "text/x-python"], python: [python, "py", "text/x-python"], state: [stated, "json", "application/json"],
};
for (const [name, [make, ...how]] of Object.entries(FILES)) find(`as-${name}`).addEventListener("click", async () => handOut(await make(), ...how));
if (canEdit) {
  find("as-link").addEventListener("click", () => {
    location.hash = HASH + encodeURIComponent(stated());
    put(find("away-said"), say("away.linked"));
  });
  find("open-state").addEventListener("click", () => find("state-file").click());
  find("state-file").addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    if (file) open(await file.text(), file.name);
    target.value = "";
  });
  window.addEventListener("hashchange", fromAddress, { signal: given.signal });
  if (window.parent !== window) { // a notebook's widget may listen: see widget.js
    view(onChange(() => [state.live], () => window.parent.postMessage({ kind: "autograd.explorer", state: saved() }, "*")));
  }
  if (given.first !== false) fromAddress();
} else for (const id of ["as-state", "as-link", "open-state"]) find(id).hidden = true;
