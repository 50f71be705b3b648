/* The examples of the playground. What they are called stands with the other texts. */

const EXAMPLES = {
  neuron: {
    text: "w = 0.5; x = 2; b = -0.5; t = 1\nh = tanh(w*x + b)\nloss = (h - t)**2",
    trained: "w* b*",
  },
  assignment: {
    text: [
      "i1 = 0.05; i2 = 0.10", "w1 = 0.15; w2 = 0.20; w3 = 0.25; w4 = 0.30", "w5 = 0.40; w6 = 0.45; w7 = 0.50; w8 = 0.55", "t1 = 0.5; t2 = 0.5",
      "a_h1 = sigmoid(w1*i1 + w2*i2)", "a_h2 = sigmoid(w3*i1 + w4*i2)", "a_o1 = sigmoid(w5*a_h1 + w6*a_h2)", "a_o2 = sigmoid(w7*a_h1 + w8*a_h2)",
      "E1 = 0.5*(t1 - a_o1)**2", "E2 = 0.5*(t2 - a_o2)**2", "E_total = E1 + E2",
    ].join("\n"),
    trained: "w*",
  },
  xor: {
    text: [
      "w = [[0.9, -1.1], [-0.8, 1.2]]", "b = [-0.2, -0.3]", "v = [1.3, 1.1]; c = -0.4",
      "X = [[0, 0], [0, 1], [1, 0], [1, 1]]", "T = [0, 1, 1, 0]", "E = 0",
      "for k in range(4):", "    h = [tanh(dot(w[j], X[k], b[j])) for j in range(2)]", "    y = sigmoid(dot(v, h, c))", "    E = E + (y - T[k])**2", "loss = E / 4",
    ].join("\n"),
    trained: "w* b* v* c",
  },
  classes: {
    text: [
      "x = [1.0, 2.0]", "w = [[0.2, -0.1], [0.4, 0.3], [-0.3, 0.1]]", "b = [0, 0, 0]", "z = [dot(w[k], x, b[k]) for k in range(3)]",
      "p = softmax(z)", "# the right class is the second, number 1", "loss = -ln(p[1])",
    ].join("\n"),
    trained: "w* b*",
  },
  attention: {
    text: [
      "# one query looks at three places", "q = [0.5, -0.2]", "k = [[1.0, 0.3], [-0.4, 0.8], [0.2, 0.9]]", "v = [1.0, -1.0, 0.5]",
      "s = [dot(q, k[i]) / sqrt(2) for i in range(3)]", "a = softmax(s)", "y = dot(a, v)", "loss = (y - 0.8)**2",
    ].join("\n"),
    trained: "q* k* v*",
  },
  order: {
    text: [
      "# b is read by c and by d: its gradient is complete only when both have given their share", "a = 2", "b = a*a", "c = 3*b", "d = b + c", "e = c*d",
    ].join("\n"),
    trained: "",
  },
};

export { EXAMPLES };
