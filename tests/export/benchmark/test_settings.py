import pytest

from export.benchmark.settings import BenchmarkSettings
from zoo.errors import BenchmarkError


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch_sizes": ()}, "no batch size"),
        ({"batch_sizes": (1, 0)}, "a batch of 0 images"),
        ({"batch_sizes": (8, 8)}, "given twice: 8, 8"),
        ({"rounds": 0}, "0 rounds"),
        ({"threads": 0}, "0 threads"),
        ({"turn_s": float("nan")}, "zero seconds or more"),
        ({"warm_up_s": -1.0}, "zero seconds or more"),
        (
            {"runtimes": ("tensorflow",)},
            "no runtime is called 'tensorflow'; there are torch and onnx",
        ),
    ],
)
def test_a_benchmark_that_would_measure_nothing_is_refused(wrong, said):
    with pytest.raises(BenchmarkError, match=said):
        BenchmarkSettings(**wrong)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(BenchmarkError, match="a batch of -1 images is none; 0 rounds"):
        BenchmarkSettings(batch_sizes=(-1,), rounds=0)
