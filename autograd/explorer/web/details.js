/* A node: its numbers, its derivation factor by factor, and the effect of a nudge. */

import { element, find } from "./elements.js";
import { asked, boxAt, called, current, flows, moved, operations, plan, reached, readers } from "./graph.js";
import { canEdit, data, grad, local, quotient } from "./live.js";
import { exact, written } from "./numbers.js";
import { edges, into, leaves, nodes, output, range } from "./payload.js";
import { select } from "./scopes.js";
import { say } from "./say.js";
import { onChange, state, view } from "./state.js";
import { computed, equation, filled, inside, name, operation } from "./words.js";
import { gradient, line, mathematics, partial, typeset } from "./writing.js";

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
  if (nodes[node].line) made.push(source(node));
  if (op) made.push(mathematics([line(computed(node))]));
  if (into[node].length) made.push(element("h4", {}, say("look.locals")), ...some(into[node], 24, factor));
  if (canEdit && leaves.includes(node)) made.push(...nudge(node));
  if (node === state.selected) made.push(...derivation(node));
  return made;
}

/** The line of the program that recorded a node, and links to the other nodes of that line. */
function source(node) {
  const { number, text } = nodes[node].line;
  const others = range(nodes.length).filter((each) => each !== node && nodes[each].line?.number === number && nodes[each].line.text === text);
  const links = others.slice(0, 16).map((each) => {
    const link = element("button", { type: "button" }, typeset(name(each)));
    link.addEventListener("mousedown", (event) => event.preventDefault()); // a box that lost the focus would renew the link
    link.addEventListener("click", () => (select(each), find("details").focus()));
    return link;
  });
  const told = links.length ? [element("div", { class: "bar" }, say("source.others"), ...links)] : [];
  return element("div", { class: "source" }, say("source", { number }), element("code", {}, text), ...told);
}

/** Δoutput/Δleaf beside the derivative, as the step shrinks. */
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

/** The node whose number a step computes. */
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

/** A sum over paths of products of partials: in names, and in numbers. */
function products(sides) {
  const enclosed = (text) => (/[+−]/.test(text.replace(/\([^()]*\)/g, "")) ? `(${text})` : text);
  const names = (edge) => edges[edge].formula || written(local(edge));
  const numbers = (edge) => filled(edges[edge].filled) || names(edge);
  const product = (side, text) => side.map(text).filter((each) => each !== "1").map(enclosed).join(" · ") || "1";
  return [names, numbers].map((text) => sides.map((side) => product(side, text)).join(" + "));
}

/** The gradient of a node factor by factor, with the numbers of this epoch. */
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
  const section = (key, lines) => [element("h4", {}, say(`derivation.${key}`)), mathematics(lines)];
  const total = written(grad(node));
  const form = (...texts) => section("closed", [line(gradient(node), ` = ${equation(...texts, total)}`)]);
  const { closed, closedFilled } = nodes[node];
  const byHand = closed ? form(closed, filled(closedFilled)) : [];
  const listing = few ? section("factors", factors.map(factor)) : [];
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
    made.push(...section("chain", [line(gradient(node), ...symbols)]), ...(closed ? byHand : form(...products(sides))), ...listing);
    made.push(...section("multiplied", [line(gradient(node), ...values, ` = ${total}`)]));
  } else {
    const sums = (few ? steps.filter((each) => each !== output) : [node]).map((each) => {
      const shares = readers(each).slice(0, 16);
      const more = readers(each).length > shares.length ? " + …" : "";
      const terms = shares.flatMap((edge, place) => [place ? " + " : " = ", gradient(edges[edge].head), " · ", partial(edges[edge].head, each)]);
      const values = shares.map((edge, place) => `${place ? " + " : " = "}${inside(grad(edges[edge].head))} · ${inside(local(edge))}`);
      return line(gradient(each), ...terms, more, `${values.join("")}${more} = ${written(grad(each))}`);
    });
    made.push(...byHand, ...listing, ...section("back", sums));
  }
  return made;
}

view(details);
