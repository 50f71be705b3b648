"""Every tuned constant can be measured again."""

from autograd.compiler import tuning
from tests.benchmarks import tune

# Facts of the machine, sizes in memory, what a reader or another thread waits for: no alternative is faster.
FACTS = {
    "ALIGNED",
    "NUMPY_BATCH_SIZES",
    "GATHERED",
    "HELD",
    "AT_ONCE_EXAMPLES",
    "AT_ONCE_SECONDS",
    "LOAD_SECONDS",
}


def test_each_constant_has_a_trial_whose_alternatives_include_it():
    constants = {name for name in vars(tuning) if name.isupper()}
    assert {trial.constant for trial in tune.TRIALS} | {"SECONDS"} == constants - FACTS
    assert all(tune.current(trial) in trial.values for trial in tune.TRIALS)
    assert len(tuning.key()) == len(constants)


def test_a_trial_is_timed_and_gives_the_same_numbers_with_each_alternative():
    trial = tune.Trial("NUMPY_CALL", (0, 1000), "numpy", (2, 2, 2), 1)
    steps = {value: tune.step_of(trial, value) for value in trial.values}
    (first, gradient), (second, again) = (step() for step in steps.values())
    assert abs(first - second) < 1e-12
    assert abs(gradient - again).max() < 1e-12
    assert all(0.0 < seconds < 1.0 for seconds in tune.fastest(steps, seconds=0.01).values())


def test_the_costs_of_a_back_end_are_measured():
    once, parameter, update, visit = tune.costs("numpy", (2, 2, 1), (8, 8, 1), 16)
    assert 0.0 < update < once < 10.0
    assert 0.0 < visit < 1.0
    assert abs(parameter) < 1.0
