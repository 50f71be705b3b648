/* The playground: a program is typed, and the page shows the graph that it records. */

import { dotOf } from "./dot.js";
import { element, find } from "./elements.js";
import { EXAMPLES } from "./examples.js";
import { show } from "./explorer.js";
import { svgOf } from "./layout.js";
import { Fault, parse } from "./parser.js";
import { payloadOf } from "./recorded.js";
import { ROWS } from "./rows.js";
import { TEXTS } from "./texts.js";

const MOST = 300; // nodes that are drawn
const WAIT = 250; // milliseconds after the last letter
const RATE = 0.5;

const [code, trained, main, header] = [find("program"), find("trained"), document.querySelector("main"), document.querySelector("header")];
const blank = { main: main.innerHTML, header: header.innerHTML }; // a page that nothing was shown on yet
let page = null; // what shows the graph of the program now
let coming = null; // the promise of it
let shown = { text: null, trained: null };
let ended = new AbortController(); // of that page
let first = true;
let turn = 0;

const language = () => document.documentElement.lang;
function say(key, values = {}) {
  const text = TEXTS[language()][key];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The data of a program's page; throws a Fault. */
function recorded(text, patterns, numbers) {
  const program = parse(text);
  const made = payloadOf(program, ROWS, { trained: patterns, numbers, rate: RATE, title: say("editor.title") });
  const { nodes } = made.payload;
  if (nodes.length > MOST) throw new Fault(text, "many", nodes.at(-1).at, { count: nodes.length, limit: MOST });
  return { ...made, free: [...program.free.keys()] };
}

/** Record the program and show it, or its fault. */
async function run() {
  const [text, patterns, mine] = [code.value, trained.value, (turn += 1)];
  let made;
  try {
    made = recorded(text, patterns, numbersOf());
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return tell(fault);
  }
  const svg = await svgOf(dotOf(made.payload, made.taken));
  await coming; // one page after the other
  if (mine !== turn) return null; // something newer was typed
  tell(null);
  const { payload } = made;
  const places = payload.nodes.map((_, place) => place);
  payload.pictures = [{ opened: [], svg, boxes: places.map((place) => ({ nodes: [place], scope: "" })), order: places }];
  Object.assign(payload, { titled: true, language: language() });
  ended.abort();
  ended = new AbortController();
  [main.innerHTML, header.innerHTML] = [blank.main, blank.header];
  shown = { text, trained: patterns, nodes: payload.nodes, free: made.free };
  const reads = first; // the address, but not once another program was typed
  first = false;
  coming = show({
    payload, numbers: made.numbers, rows: ROWS, signal: ended.signal, first: reads, open, selected: mark,
    program: { program: { text, trained: patterns } },
  });
  page = await coming;
  return null;
}

/** The numbers that the reader gave to names without one in the program. */
function numbersOf() {
  if (page === null) return new Map();
  const { names, numbers } = page.saved();
  return new Map(names.map((name, place) => [name, Number(numbers[place])]).filter(([name]) => shown.free.includes(name)));
}

// --- the fault, and the line of the selection ----------------------------------------------------------------

let fault = null;
let line = null;

/** Disable what stands below while it is of another program. */
function setStale(stale) {
  for (const each of main.children) each.inert = stale;
}

function tell(found) {
  fault = found;
  const stale = found !== null && page !== null;
  setStale(stale);
  code.setAttribute("aria-invalid", String(found !== null));
  find("fault").replaceChildren();
  paint();
  if (found === null) return;
  const text = code.value.split("\n")[found.line - 1] ?? "";
  const letters = [...text];
  const begin = Math.max(0, found.column - 50);
  const pointer = letters.slice(begin, found.column).map((letter) => (letter === "\t" ? letter : " ")).join("");
  const { reason, values, line, column } = found;
  const quoted = `${letters.slice(begin, begin + 100).join("")}\n${pointer}^`;
  find("fault").append(element("p", {}, say("editor.fault", { line, column: column + 1, fault: say(`program.${reason}`, values) })));
  if (text) find("fault").append(element("pre", { tabindex: "0", role: "group", "aria-label": say("editor.place") }, quoted));
  if (stale) find("fault").append(element("p", { class: "hint" }, say("editor.stale")));
}

/** Mark the line of the selected node, or the place of the fault, behind the text. */
function paint() {
  const text = code.value;
  const back = find("shown");
  const [from, to, kind] = fault !== null ? [fault.from, fault.from + 1, "wrong"] : line === null ? [0, 0, ""] : [...ends(line), "line"];
  const marked = element("mark", { class: kind }, text.slice(from, to).replace("\n", " ") || (kind === "wrong" ? " " : ""));
  back.replaceChildren(text.slice(0, from), ...(kind ? [marked] : []), text.slice(to), "\n");
  [back.scrollTop, back.scrollLeft] = [code.scrollTop, code.scrollLeft];
}

function ends(number) {
  const lines = code.value.split("\n");
  const from = lines.slice(0, number - 1).reduce((total, each) => total + each.length + 1, 0);
  return [from, from + (lines[number - 1] ?? "").length];
}

/** A node was selected in the graph. */
function mark(node) {
  line = node === null ? null : shown.nodes[node].line?.number ?? null;
  paint();
}

/** The reader went to a line: the last node that it recorded is selected. */
function follow() {
  if (page === null || fault !== null || code.value !== shown.text) return;
  const number = code.value.slice(0, code.selectionStart).split("\n").length;
  const node = shown.nodes.findLastIndex((each) => each.line?.number === number);
  if (node >= 0 && number !== line) page.select(node);
}

// --- examples and states -------------------------------------------------------------------------------------

function put(text, patterns) {
  [code.value, trained.value] = [text, patterns];
  code.rows = Math.min(14, Math.max(4, text.split("\n").length + 1));
  line = null;
}

/** Show a state with its program, from an address or a file; return its fault, or null. */
async function open(found) {
  const { program } = found ?? {};
  if (program === undefined) return (await coming).restore(found);
  if (typeof program?.text !== "string" || typeof program.trained !== "string" || program.trained.length > 400) return { key: "program" };
  try {
    recorded(program.text, program.trained, new Map());
  } catch (fault) {
    if (fault instanceof Fault) return { key: "program" };
    throw fault;
  }
  if (program.text !== shown.text || program.trained !== shown.trained) {
    put(program.text, program.trained);
    find("example").value = "own";
    await run();
  }
  return (await coming).restore(found);
}

let timer = null;
let frame = 0;
function later() {
  find("example").value = "own";
  setStale(page !== null);
  clearTimeout(timer);
  turn += 1;
  timer = setTimeout(run, WAIT);
  cancelAnimationFrame(frame); // each pasted line is an input
  frame = requestAnimationFrame(paint);
}

function choose(name) {
  if (name === "own") return null;
  const { text, trained: patterns } = EXAMPLES[name];
  put(text, patterns);
  return run();
}

for (const name of [...Object.keys(EXAMPLES), "own"]) { // the page that is shown says what it is called
  find("example").append(element("option", { value: name, "data-say": `example.${name}` }));
}
find("example").addEventListener("change", ({ target }) => choose(target.value));
header.addEventListener("change", () => tell(fault)); // in another language
code.addEventListener("input", later);
trained.addEventListener("input", later);
code.addEventListener("scroll", paint);
code.addEventListener("click", follow);
code.addEventListener("keyup", ({ key }) => key.startsWith("Arrow") && follow());
await choose(Object.keys(EXAMPLES)[0]);
