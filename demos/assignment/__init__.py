"""The assignment: two inputs, two hidden neurons, two outputs, trained by backpropagation, step by step.

    python -m demos assignment --out out/assignment

You will see, on one page with all the numbers of your own run: the network with its weights, the
forward pass, the loss, the gradient of the loss for each of the eight weights factor by factor, the
update of all weights at once, the loss going down, and what the learning rate does to it. Beside the
page are its pictures and ``table.csv``, with one row for each epoch.

    h1 = w1·i1 + w2·i2      a_h1 = σ(h1)        o1 = w5·a_h1 + w6·a_h2      a_o1 = σ(o1)
    h2 = w3·i1 + w4·i2      a_h2 = σ(h2)        o2 = w7·a_h1 + w8·a_h2      a_o2 = σ(o2)
    E1 = ½(t1 − a_o1)²      E2 = ½(t2 − a_o2)²  E_total = E1 + E2
"""

from .run import main as main
