import json

from export import doctor
from export.doctor import Symptom


def test_a_sound_installation_exits_zero(zoo):
    outcome = zoo("doctor")
    assert outcome.code == 0, outcome.out
    for text in ("torch", "onnxruntime", "CUDA", "package cli"):
        assert text in outcome.out


def test_a_broken_one_exits_one_with_advice(zoo, monkeypatch):
    bad = Symptom(name="onnxruntime", health="bad", finding="two of them", advice="remove one")
    monkeypatch.setattr(doctor, "examine", lambda: (bad,))
    outcome = zoo("doctor")
    assert outcome.code == 1
    assert "BAD" in outcome.out
    assert "remove one" in outcome.out


def test_json_is_a_list_of_symptoms(zoo):
    symptoms = json.loads(zoo("doctor", "--format", "json").out)
    assert {"name", "health", "finding", "advice"} == set(symptoms[0])
