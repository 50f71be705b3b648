/* The plane of two features: the decision at each point, and the data. */

import { find } from "./elements.js";
import { data, forward } from "./live.js";
import { short } from "./numbers.js";
import { edges, nodes, payload, range } from "./payload.js";
import { say } from "./say.js";
import { onChange, state, view } from "./state.js";
import { name } from "./words.js";

const { plane } = payload;
const [COARSE, FINE] = [12, 48]; // cells along each side: at once, and when there is time
const SLICE = 8; // milliseconds of work between which the page answers

const canvas = find("plane-drawn");
const side = canvas.width;

/** The nodes between the features and the predictions. */
function between() {
  const from = new Set(plane.features);
  for (const { tail, head } of edges) if (from.has(tail)) from.add(head);
  const needed = new Set(plane.predictions);
  for (const { tail, head } of [...edges].reverse()) if (needed.has(head)) needed.add(tail);
  return range(nodes.length).filter((node) => nodes[node].op && from.has(node) && needed.has(node));
}
const steps = plane && between();

/** The prediction at a point with the numbers of the moment: a score less its level, or the largest class. */
function predictor() {
  const numbers = Float64Array.from(nodes, (_, node) => data(node));
  return (point) => {
    plane.features.forEach((node, place) => (numbers[node] = point[place]));
    forward(numbers, steps);
    const found = plane.predictions.map((node) => numbers[node]);
    return found.length === 1 ? found[0] - plane.level : found.reduce((best, each, place) => (each > found[best] ? place : best), 0);
  };
}
const binary = plane?.predictions.length === 1;
const classOf = (found) => (binary ? Number(found > 0) : found);

const along = (axis, share) => plane.low[axis] + share * (plane.high[axis] - plane.low[axis]);
const across = (point) => [0, 1].map((axis) => {
  const share = (point[axis] - plane.low[axis]) / (plane.high[axis] - plane.low[axis]);
  return side * (axis ? 1 - share : share);
});

const colour = (property) => getComputedStyle(document.documentElement).getPropertyValue(property);

/** Fill the cells of a grid: of a score by its sign, of classes by their colours. */
function fill(context, grid, cells) {
  const faint = binary ? ["--negative", "--positive"] : range(plane.predictions.length).map((each) => `--series-${each % 6}`);
  const colours = faint.map(colour);
  context.clearRect(0, 0, side, side);
  context.globalAlpha = binary ? 1 : 0.3;
  const edge = (cell) => Math.round((cell * side) / cells);
  grid.forEach((found, place) => {
    if (Number.isNaN(found)) return;
    const [column, row] = [place % cells, cells - 1 - Math.floor(place / cells)];
    context.fillStyle = colours[classOf(found)];
    context.fillRect(edge(column), edge(row), edge(column + 1) - edge(column), edge(row + 1) - edge(row));
  });
  context.globalAlpha = 1;
}

/** The line on which the score is at its level, straight within each square of neighbours (marching squares). */
function boundary(context, grid, cells) {
  context.strokeStyle = colour("--ink");
  context.lineWidth = 2;
  context.beginPath();
  const size = side / cells;
  const at = (column, row) => grid[row * cells + column];
  for (let row = 0; row + 1 < cells; row += 1) {
    for (let column = 0; column + 1 < cells; column += 1) {
      const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([right, up]) => [column + right, row + up]);
      const crossed = [];
      corners.forEach((from, place) => {
        const to = corners[(place + 1) % 4];
        const [a, b] = [at(...from), at(...to)];
        if (a > 0 === b > 0 || !Number.isFinite(a - b)) return;
        const share = a / (a - b);
        crossed.push(from.map((each, axis) => each + share * (to[axis] - each) + 0.5));
      });
      for (let pair = 0; pair + 1 < crossed.length; pair += 2) {
        const [[x, y], [u, v]] = [crossed[pair], crossed[pair + 1]];
        context.moveTo(x * size, side - y * size);
        context.lineTo(u * size, side - v * size);
      }
    }
  }
  context.stroke();
}

/** The data: a disc, a square, a triangle and so on by class; the example shown has a ring. */
function scatter(context) {
  plane.points.forEach((point, place) => mark(context, across(point), plane.classes[place]));
  const [x, y] = across(plane.features.map(data));
  context.strokeStyle = colour("--ink");
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, 13, 0, 2 * Math.PI);
  context.stroke();
}

function mark(context, [x, y], kind) {
  context.fillStyle = colour(binary ? ["--negative-line-strong", "--positive-line-strong"][kind] : `--series-${kind % 6}`);
  context.strokeStyle = colour("--paper");
  context.lineWidth = 1;
  context.beginPath();
  const corners = [0, 4, 3, 5, 6, 7][kind % 6];
  if (!corners) context.arc(x, y, 6, 0, 2 * Math.PI);
  for (let corner = 0; corner < corners; corner += 1) {
    const angle = (2 * Math.PI * (corner + 0.5)) / corners + Math.PI / 2;
    context.lineTo(x + 8 * Math.cos(angle), y + 8 * Math.sin(angle));
  }
  context.closePath();
  context.fill();
  context.stroke();
}

function paint(grid, cells) {
  const context = canvas.getContext("2d");
  fill(context, grid, cells);
  if (binary) boundary(context, grid, cells);
  scatter(context);
}

const centres = (cells) => range(cells * cells).map((place) => [along(0, (place % cells + 0.5) / cells), along(1, (Math.floor(place / cells) + 0.5) / cells)]);
const [few, many] = plane ? [centres(COARSE), centres(FINE)] : [];

/** Coarse at once, so that nothing stale is on the screen; fine, with the points counted, in spare time. */
let turn = 0;
function draw() {
  const predict = predictor();
  paint(few.map(predict), COARSE);
  const mine = (turn += 1);
  const wanted = [...plane.points, ...many];
  const found = [];
  function on() {
    if (mine !== turn) return;
    const until = performance.now() + SLICE;
    while (found.length < wanted.length && performance.now() < until) found.push(predict(wanted[found.length]));
    if (found.length < wanted.length) return setTimeout(on);
    const size = plane.points.length;
    const right = plane.classes.filter((each, place) => classOf(found[place]) === each).length;
    paint(found.slice(size), FINE);
    const said = say("plane.right", { right, total: size });
    find("plane-said").textContent = said;
    const [x, y] = plane.features.map(name);
    canvas.setAttribute("aria-label", say("plane.label", { x, y, said }));
  }
  on();
}

if (plane) {
  find("plane").hidden = false;
  const [x, y] = plane.features.map(name);
  find("plane-axes").textContent = `${x} → ${short(plane.low[0])} … ${short(plane.high[0])},  ${y} ↑ ${short(plane.low[1])} … ${short(plane.high[1])}`;
  view(onChange(() => [state.frame, state.live], draw));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
