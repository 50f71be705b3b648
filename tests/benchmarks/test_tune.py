"""Every tuned constant can be measured again."""

from autograd.compiler import tuning
from tests.benchmarks import tune

FACTS = {"ALIGNED", "NUMPY_BATCH_SIZES", "GATHERED"}  # of the machine, or of memory and not of time


def test_each_constant_has_a_trial_whose_alternatives_include_it():
    constants = {name for name in vars(tuning) if name.isupper()}
    assert {trial.constant for trial in tune.TRIALS} == constants - FACTS
    assert all(tune.current(trial) in trial.values for trial in tune.TRIALS)
    assert len(tuning.key()) == len(constants)


def test_a_trial_is_timed_and_gives_the_same_numbers_with_each_alternative():
    trial = tune.Trial("NUMPY_CALL", (0, 1000), "numpy", (2, 2, 2), 1)
    steps = {value: tune.step_of(trial, value) for value in trial.values}
    (first, gradient), (second, again) = (step() for step in steps.values())
    assert abs(first - second) < 1e-12
    assert abs(gradient - again).max() < 1e-12
    assert all(0.0 < seconds < 1.0 for seconds in tune.fastest(steps, seconds=0.01).values())
