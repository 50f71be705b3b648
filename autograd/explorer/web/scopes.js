/* Changes of the selection and of open scopes. */

import { count, current, plan } from "./graph.js";
import { nodes, pictures } from "./payload.js";
import { change, state } from "./state.js";

function select(node) {
  const selected = node === state.selected ? null : node;
  change({ selected, looked: selected === null ? state.focused : null });
}

const keyed = new Map(pictures.map((picture, place) => [[...picture.opened].sort().join("\n"), place]));
const pictureOf = (scopes) => keyed.get([...scopes].sort().join("\n"));
const around = (scope) => scope.split(".").map((_, place, all) => all.slice(0, place + 1).join("."));

const scopes = new Set(nodes.flatMap((node) => (node.scope ? around(node.scope) : [])));
const widest = pictureOf(scopes) ?? -1; // the picture in which all are open, if there is one

function open(scope) {
  turn(pictureOf([...pictures[state.picture].opened, scope]) ?? pictureOf(around(scope)), scope);
}

function close(scope) {
  const others = pictures[state.picture].opened.filter((each) => each !== scope && !each.startsWith(`${scope}.`));
  turn(pictureOf(others) ?? pictureOf(around(scope).slice(0, -1)), scope);
}

const openAll = () => turn(widest < 0 ? undefined : widest);
const closeAll = () => turn(pictureOf([]));

/** Show another picture, at the step that does the same. */
function turn(picture, turned = "") {
  if (picture === undefined || picture === state.picture) return;
  const step = current();
  const { steps, home } = plan(picture);
  const same = steps.findIndex((each) => each.phase === step.phase && (step.edge === undefined ? each.node === step.node : each.edge === step.edge));
  const near = steps.findIndex((each) => each.phase === step.phase && (each.boxes ?? []).includes(home[step.node]));
  const phase = steps.findIndex((each) => each.phase === step.phase);
  const found = [same, near, phase].find((place) => place >= 0) ?? 0;
  change({ picture, turned, looked: null, focused: null, step: Math.min(found, count(picture) - 1) });
}

export { close, closeAll, open, openAll, scopes, select, widest };
