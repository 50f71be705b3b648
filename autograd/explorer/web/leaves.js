/* Every leaf is an input: type a number, drag its name or its box sideways, or use the arrow keys. */

import { attribute, element, find, put } from "./elements.js";
import { canEdit, data, firstNotFinite, give, misplaced, reset } from "./live.js";
import { exact, read, stepped, written } from "./numbers.js";
import { leaves, nodes, payload } from "./payload.js";
import { say } from "./say.js";
import { onChange, state, view } from "./state.js";
import { compare, computed, name } from "./words.js";
import { typeset } from "./writing.js";

const MOST = 48; // fields at a time; of more leaves one finds those that one looks for by name
const PIXELS = 4; // of dragging are one step

/** Dragging an element sideways changes the leaf; what moved does not count as a click. */
function scrubbed(group, node, touch = false) {
  if (!canEdit || !leaves.includes(node)) return;
  group.classList.add("scrubbed");
  let from = null;
  let moved = false;
  group.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (event.pointerType === "touch" && !touch)) return;
    from = { x: event.clientX, number: data(node), steps: 0 };
    moved = false;
  });
  group.addEventListener("pointermove", (event) => {
    if (from === null || !event.buttons) return (from = null);
    const steps = Math.trunc((event.clientX - from.x) / PIXELS);
    if (steps === from.steps) return;
    if (!moved) group.setPointerCapture(event.pointerId);
    moved = true;
    from.steps = steps;
    give(node, stepped(from.number, steps));
  });
  group.addEventListener("pointerup", () => (from = null));
  group.addEventListener("click", (event) => {
    if (!moved) return;
    moved = false;
    event.stopImmediatePropagation();
    event.preventDefault();
  }, { capture: true });
}

function field(node) {
  const input = element("input", { type: "text", inputmode: "decimal", id: `leaf-${node}`, autocomplete: "off", spellcheck: "false" });
  const label = element("label", { for: `leaf-${node}`, title: say("leaves.drag") }, element("bdi", {}, typeset(name(node))));
  const back = element("button", { type: "button", "aria-label": say("leaves.reset.one", { name: name(node) }), title: say("leaves.reset.short") }, "↺");
  scrubbed(label, node, true);
  input.addEventListener("input", () => {
    const number = read(input.value);
    input.setAttribute("aria-invalid", String(Number.isNaN(number)));
    if (!Number.isNaN(number)) give(node, number);
  });
  input.addEventListener("focus", () => {
    input.value = exact(data(node));
    input.select();
  });
  input.addEventListener("blur", () => fill({ node, input, back }));
  input.addEventListener("keydown", (event) => {
    const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!direction || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    give(node, stepped(data(node), direction * (event.shiftKey ? 10 : 1)));
    input.value = exact(data(node));
    input.setAttribute("aria-invalid", "false");
  });
  back.addEventListener("click", () => reset(node));
  return { node, input, back, group: element("div", { class: "field" }, label, input, back) };
}

function fill({ node, input, back }) {
  if (document.activeElement !== input) {
    input.value = written(data(node), 8);
    input.setAttribute("aria-invalid", "false");
  }
  const given = state.live?.edited.has(node) ?? false;
  input.classList.toggle("given", given);
  back.disabled = !given;
}

const ordered = [...leaves].sort((one, other) =>
  nodes[one].kind.localeCompare(nodes[other].kind) || compare(name(one), name(other)));
let fields = [];

function showFields() {
  const wanted = find("leaf-filter").value.trim().toLowerCase();
  const found = ordered.filter((node) => name(node).toLowerCase().includes(wanted));
  fields = found.slice(0, MOST).map(field);
  find("fields").replaceChildren(...fields.map(({ group }) => group));
  put(find("leaf-count"), found.length > MOST ? say("leaves.listed", { shown: MOST, count: found.length }) : "");
  find("fields").classList.toggle("long", fields.some(({ node }) => name(node).length > 8));
  fields.forEach(fill);
}

const refill = onChange(() => [state.frame, state.live, state.selected], () => {
  fields.forEach(fill);
  for (const { node, group } of fields) group.classList.toggle("selected", node === state.selected);
  find("reset").disabled = state.live === null;
  document.body.classList.toggle("live", state.live !== null);
  const first = state.live ? firstNotFinite() : -1;
  const wrong = first < 0 ? null : misplaced(first);
  const formula = (node) => (nodes[node].op ? computed(node) : `${name(node)} = ${written(data(node))}`);
  put(find("leaf-said"), first < 0 ? "" : wrong === null ? say("leaves.infinite", { formula: formula(first) })
    : say("leaves.index", { name: name(wrong.which), number: written(data(wrong.which)), last: wrong.last, node: name(first) }));
  attribute(find("leaf-said"), "class", first < 0 ? "" : "warning");
});

if (canEdit) {
  find("leaves").hidden = false;
  find("leaf-filter").hidden = leaves.length <= MOST;
  find("leaf-filter").addEventListener("input", showFields);
  find("reset").addEventListener("click", () => reset());
  view(onChange(() => [], showFields));
  view(refill);
} else if (payload.fixed) {
  find("leaves").hidden = false;
  const told = element("p", { class: "hint" });
  find("fields").append(told);
  view(onChange(() => [], () => put(told, say("leaves.fixed", { reason: payload.fixed }))));
  for (const id of ["leaf-filter", "leaf-hint", "reset"]) find(id).hidden = true;
}

export { scrubbed };
