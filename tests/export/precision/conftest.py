"""Small networks that are right in float32, made once."""

import pytest

from tests.export.precision.sensitive import AGE, Trained, train_tiny


@pytest.fixture(scope="package")
def patterns(tmp_path_factory) -> Trained:
    """A few convolutions that tell three patterns apart."""
    return train_tiny("plain", tmp_path_factory.mktemp("patterns"))


@pytest.fixture(scope="package")
def ages(tmp_path_factory) -> Trained:
    """One that tells a value, and by definition rightly."""
    return train_tiny("plain", tmp_path_factory.mktemp("ages"), AGE)


@pytest.fixture(scope="package")
def attentive(tmp_path_factory) -> Trained:
    """A vision transformer of two blocks."""
    return train_tiny("vit", tmp_path_factory.mktemp("attentive"))


@pytest.fixture
def make():
    """Make variants of a trained network, or of a changed file of it."""

    def call(trained: Trained, *precisions, content=None, **options):
        from export.precision import make_precisions

        return make_precisions(
            trained.model,
            content or trained.content,
            trained.training,
            trained.validation,
            precisions,
            **options,
        )

    return call
