from export.samples import choose_samples, make_edge_inputs


def test_edge_inputs_are_distinct_and_in_the_networks_range(model):
    edges = make_edge_inputs(model.preprocess)
    assert set(edges) == {"(black)", "(white)", "(noise)", "(checkerboard)"}
    for picture in edges.values():
        assert picture.shape == (3, 64, 64)
        assert picture.min() >= -1
        assert picture.max() <= 1


def test_chosen_samples_spread_over_the_whole_split(evidence):
    samples = evidence.samples
    third = len(samples) // 3
    assert choose_samples(samples, 3).paths == [samples.path(at * third) for at in range(3)]
    assert choose_samples(samples, 10_000).paths == samples.paths
