/* Functions that rows of the table call and JavaScript lacks, by IEEE 754 as in the engine. */

const step = (x) => (x > 0 ? 1 : x !== x ? x : 0);
const greater = (a, b) => (a > b ? 1 : a <= b ? 0 : NaN);
const maximum = (a, b) => (a >= b || a !== a ? a : b);
const minimum = (a, b) => (a <= b || a !== a ? a : b);

/** aᵇ: 1 where a is 1 or b is 0, and for −1 to an infinite power, whatever JavaScript says. */
const power = (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b));

/** The remainder with the sign of b. */
function mod(a, b) {
  const rest = a % b;
  if (rest === 0) return b < 0 || Object.is(b, -0) ? -0 : 0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}

/** ⌊a/b⌋ of the exact quotient, not of the rounded one. */
function floordiv(a, b) {
  if (b === 0) return a / b;
  let rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0 && rest < 0 !== b < 0) quotient -= 1;
  if (quotient === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const whole = Math.floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

/** Σ wᵢ xᵢ, added from left to right. */
function dot(weights, inputs) {
  let total = 0;
  for (let i = 0; i < weights.length; i += 1) total += weights[i] * inputs[i];
  return total;
}

/** √Σ v² without overflow or underflow of squares; infinite if one number is, even beside a nan. */
function norm(values) {
  const top = values.reduce((most, value) => maximum(most, Math.abs(value)), 0);
  if (values.some((value) => Math.abs(value) === Infinity)) return Infinity;
  if (top === 0 || top !== top) return top;
  const scale = 2 ** -Math.max(-1021, Math.min(1022, Math.floor(Math.log2(top))));
  return Math.sqrt(sum(values.map((value) => (value * scale) ** 2))) / scale;
}

/** The sum, rounded once: the error of each addition is kept (Shewchuk 1997, section 2). */
function sum(values) {
  const plain = values.reduce((total, value) => total + value, 0);
  if (!Number.isFinite(plain)) return overflown(values, plain);
  const parts = []; // of growing size, none of which overlaps another
  for (let value of values) {
    let kept = 0;
    for (let part of parts) {
      if (Math.abs(value) < Math.abs(part)) [value, part] = [part, value];
      const high = value + part;
      const low = part - (high - value);
      if (low !== 0) parts[kept++] = low;
      value = high;
    }
    parts.length = kept;
    parts.push(value);
  }
  let total = 0;
  let low = 0;
  let place = parts.length;
  while (place > 0 && low === 0) {
    const high = total;
    place -= 1;
    total = high + parts[place];
    low = parts[place] - (total - high);
  }
  // Half way between two numbers the next part decides.
  if (place > 0 && low < 0 === parts[place - 1] < 0) {
    const twice = low * 2;
    const further = total + twice;
    if (twice === further - total) return further;
  }
  return total;
}

/** A sum that overflows on the way may be finite: it is scaled down. */
function overflown(values, plain) {
  if (values.some((value) => !Number.isFinite(value))) return plain;
  return sum(values.map((value) => value * 2 ** -60)) * 2 ** 60;
}

/** The value at an index, from 0; NaN if there is none. */
const take = (values, index) => values[index] ?? NaN;

export { dot, floordiv, greater, maximum, minimum, mod, norm, power, step, sum, take };
