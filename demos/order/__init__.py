"""Why topological order, why add, why zero: backpropagation done wrong and right, number by number.

    python -m demos order --out out/order

A backward pass repeats one small step: a node multiplies the gradient that has arrived at it by a
local derivative, and hands the product to a parent. You will see, with every number, and with a
picture of the gradients after each step:

1. the smallest graph on which going back depth first gives a wrong gradient, found by a search, and
   the same graph swept in topological order;
2. what is lost where a node is used twice and its gradient is overwritten instead of added to;
3. what becomes of training when the gradients are not set to zero between steps.
"""

from .run import main as main
