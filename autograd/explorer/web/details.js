/* Looking at a node: its numbers, its derivation factor by factor, and what a nudge does. */

import { asked, boxAt, called, current, flows, moved, operations, plan, reached, readers } from "./graph.js";
import { canEdit, data, grad, local, quotient } from "./live.js";
import { exact, written } from "./numbers.js";
import { edges, find, into, leaves, nodes, output } from "./payload.js";
import { say } from "./say.js";
import { onChange, state, view } from "./state.js";
import { computed, equation, filled, inside, listed, name, operation } from "./words.js";
import { element, gradient, line, mathematics, partial, typeset } from "./writing.js";

const facts = (rows) =>
  element("dl", {}, ...rows.flatMap(([key, text]) => [element("dt", {}, key), element("dd", {}, text)]));
const some = (all, most, write) => {
  const made = [mathematics(all.slice(0, most).map(write))];
  if (all.length > most) made.push(element("p", { class: "hint" }, say("more.list", { count: all.length - most })));
  return made;
};

const details = onChange(() => [state.frame, state.live, state.picture, state.looked, state.selected, asked() && state.step], () => {
  const members = state.looked ?? (state.selected === null ? [] : [state.selected]);
  const made = members.length > 1 ? aboutGroup(plan().home[members[0]])
    : members.length ? aboutNode(members[0])
    : [element("p", { class: "hint" }, say("look.hint"))];
  find("details").replaceChildren(...made);
});

function aboutNode(node) {
  const { op, kind } = nodes[node];
  if (asked() && subject(current()) === node) {
    return [element("h3", {}, typeset(name(node))), element("p", { class: "hint" }, say("predict.hidden"))];
  }
  const made = [
    element("h3", {}, typeset(name(node))),
    facts([
      [say("look.kind"), op ? say("kind.result", { operation: operation(node) }) : say(`kind.${kind}`)],
      [say("look.data"), exact(data(node))],
      [say("look.gradient"), node === output || readers(node).length ? exact(grad(node)) : say("look.none")],
    ]),
  ];
  if (nodes[node].line) made.push(source(nodes[node].line));
  if (op) made.push(mathematics([line(computed(node))]));
  if (into[node].length) made.push(element("h4", {}, say("look.locals")), ...some(into[node], 24, factor));
  if (canEdit && leaves.includes(node)) made.push(...nudge(node));
  if (node === state.selected) made.push(...derivation(node));
  return made;
}

/** The line of the program that recorded it. */
function source({ number, text }) {
  const others = nodes.filter(({ line }) => line?.number === number && line.text === text);
  const told = others.length > 1 ? [element("br"), say("source.others", { names: listed(others.map((each) => each.name)) })] : [];
  return element("p", { class: "source" }, say("source", { number }), element("code", {}, text), ...told);
}

/** What a small step of a leaf does to the output, beside the derivative, as the step shrinks. */
function nudge(node) {
  const rows = [1, 2, 3, 4, 5, 6].map((digits) => {
    const size = 10 ** -digits;
    const cells = [written(size), written(quotient(node, size), 8), written(grad(node), 8)];
    return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
  });
  const head = [`Δ${name(node)}`, `Δ${name(output)}/Δ${name(node)}`, `∂${name(output)}/∂${name(node)}`];
  return [
    element("h4", {}, say("look.nudge")),
    element(
      "table", { class: "nudge" },
      element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, typeset(text))))),
      element("tbody", {}, ...rows),
    ),
  ];
}

/** The node whose number a step gives. */
const subject = ({ kind, node, edge }) => (kind === "edge" ? edges[edge].tail : node);

function aboutGroup(box) {
  const { scope, nodes: members } = boxAt(box);
  const results = plan().results[box];
  const told = results.length ? results : members;
  return [
    element("h3", {}, called(box)),
    facts([[say("look.parameters"), String(moved(members).length)], [say("look.operations"), String(operations(members))]]),
    element("h4", {}, say(results.length ? "look.results" : "look.numbers")),
    ...some(told, 16, (node) => line(`${name(node)} = ${written(data(node))}, `, gradient(node), ` = ${written(grad(node))}`)),
    element("p", { class: "hint" }, say(scope ? "look.open" : "look.alike")),
  ];
}

/** ∂head/∂tail with its formula and number. */
function factor(edge) {
  const { tail, head, formula, filled: pieces } = edges[edge];
  if (!flows(edge)) return line(partial(head, tail), ` ${say("no part.branch")}`);
  return line(partial(head, tail), ` = ${equation(formula, filled(pieces), written(local(edge)))}`);
}

/** How the gradient of a node comes about, factor by factor, with the numbers of this epoch. */
function derivation(node) {
  const on = reached(node);
  const steps = [...on].sort((one, other) => other - one); // the output first
  const ways = new Map([[output, 1]]);
  for (const each of steps) if (each !== output) ways.set(each, readers(each).reduce((sum, edge) => sum + ways.get(edges[edge].head), 0));
  const paths = ways.get(node) ?? 0;
  const made = [element("h3", {}, say("derivation"))];
  if (node === output) return [...made, mathematics([line(partial(output, output), " = 1")])];
  if (!paths) return [...made, element("p", {}, say("derivation.none", { name: name(node), output: name(output) }))];
  made.push(element("p", {}, say("derivation.paths", { count: paths, name: name(node), output: name(output) })));
  const factors = steps.flatMap((each) => readers(each).filter((edge) => on.has(edges[edge].head)));
  const few = factors.length <= 60;
  const { closed, closedFilled } = nodes[node];
  const form = closed ? [element("h4", {}, say("derivation.closed")), mathematics([line(gradient(node), ` = ${closed} = ${filled(closedFilled)} = ${written(grad(node))}`)])] : [];
  const listing = few ? [element("h4", {}, say("derivation.factors")), mathematics(factors.map(factor))] : [];
  if (paths <= 4 && steps.length <= 24) {
    const sides = [];
    const walk = (each, before) => {
      if (each === output) sides.push(before);
      else for (const edge of readers(each)) walk(edges[edge].head, [edge, ...before]);
    };
    walk(node, []);
    const sum = (written) => sides.flatMap((side, place) => [place ? " + " : " = ", ...side.flatMap(written)]);
    const symbols = sum((edge, place) => [place ? " · " : "", partial(edges[edge].head, edges[edge].tail)]);
    const values = sum((edge, place) => [`${place ? " · " : ""}${inside(local(edge))}`]);
    made.push(element("h4", {}, say("derivation.chain")), mathematics([line(gradient(node), ...symbols)]), ...form, ...listing);
    made.push(element("h4", {}, say("derivation.multiplied")), mathematics([line(gradient(node), ...values, ` = ${written(grad(node))}`)]));
  } else {
    const sums = (few ? steps.filter((each) => each !== output) : [node]).map((each) => {
      const shares = readers(each).slice(0, 16);
      const more = readers(each).length > shares.length ? " + …" : "";
      const terms = shares.flatMap((edge, place) => [place ? " + " : " = ", gradient(edges[edge].head), " · ", partial(edges[edge].head, each)]);
      const values = shares.map((edge, place) => `${place ? " + " : " = "}${inside(grad(edges[edge].head))} · ${inside(local(edge))}`);
      return line(gradient(each), ...terms, more, `${values.join("")}${more} = ${written(grad(each))}`);
    });
    made.push(...form, ...listing, element("h4", {}, say("derivation.back")), mathematics(sums));
  }
  return made;
}

view(details);
