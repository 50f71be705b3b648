"""A GPT in scalars, trained on a thousand first names: from counting letter pairs to attention and Adam.

    python -m demos gpt --out out/gpt

The names are from the United States census of 1990. The model reads the letters of a name and predicts the
next. You will see

1. a model from counted letter pairs, and one layer with gradients written by hand;
2. the gradients of that layer by the engine, equal to the last digits;
3. a GPT of 4,192 scalars, with plain gradient descent and with Adam, beside guessing and counting;
4. names that it makes up;
5. the attention of each head, beside the gradient of the loss by each score;
6. the gradient norm of each matrix;
7. the graph of one name to step through, and the path of one key through the cache;
8. the time that a plain program would take, measured on three steps.

Options extend the model, as assignments ask: ``--gelu``, ``--rope``, ``--mixture``, ``--lora``.
"""

from .run import main as main
