"""A GPT in scalars, trained on a thousand first names: from counting letter pairs to attention and Adam.

    python -m demos gpt --out out/gpt

The names are those of the United States census of 1990. A program reads the letters of a name and predicts
the next one. You will see

1. what counting letter pairs gives, and the same from one layer with gradients written by hand;
2. the same layer by the engine, with the same gradients to the last digits;
3. a GPT of 4,192 scalars, with plain gradient descent and with Adam, against guessing and counting;
4. names that it makes up;
5. what each head of the attention looks at, beside the gradient of the loss by each score;
6. the gradient norm of each matrix;
7. the graph of one name to step through, and the path of one key through the cache;
8. how long the plain program would have taken, measured on three steps.

Options extend the model, as assignments ask for it: ``--gelu``, ``--rope``, ``--mixture``, ``--lora``.
"""

from .run import main as main
