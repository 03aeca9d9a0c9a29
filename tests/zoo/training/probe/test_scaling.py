import torch

from zoo.training.probe.scaling import Scaling


def features():
    return 5 + torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_scaled_features_are_centred_and_vary_by_one_on_average():
    scaled = Scaling.of(features()).apply(features())
    assert scaled.mean(0).abs().max() < 1e-14
    torch.testing.assert_close(scaled.var(0, correction=0).mean().item(), 1.0, rtol=1e-12, atol=0)


def test_a_folded_head_answers_the_same():
    scaling = Scaling.of(features())
    weight, bias = features()[:3], features()[0, :3]
    plain_weight, plain_bias = scaling.fold(weight, bias)
    torch.testing.assert_close(
        features() @ plain_weight.T + plain_bias,
        scaling.apply(features()) @ weight.T + bias,
        rtol=1e-12,
        atol=1e-12,
    )


def test_what_varies_by_rounding_alone_is_not_blown_up():
    constant = torch.full((100, 4), 0.1)
    constant[::2] = constant[::2].nextafter(torch.tensor(1.0))
    assert Scaling.of(constant).apply(constant).abs().max() < 1e-6
