"""The front matter of a model card, checked as the Hub checks it.

The Hub's own rules are on its server; these are the ones it documents and is seen to apply
(https://huggingface.co/docs/hub/model-cards,
https://github.com/huggingface/hub-docs/blob/main/modelcard.md), each with one sentence:

- front matter there is (a warning), it is YAML, and a mapping;
- `license` is one of the Hub's names, or several; `other` comes with `license_name` and
  `license_link` (a warning);
- `language` is a code of ISO 639 in lower case, or several;
- `tags` is a list, and `tags`, `datasets` and `metrics` are text; `datasets` are repositories;
- `base_model` names repositories, and `base_model_relation` is one of four;
- `pipeline_tag` is a task of the Hub (a warning); `library_name` is text;
- `model-index` has names, and results with a task's type, a dataset's name and type, and metrics
  with a type and a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

FRONT = re.compile(r"^\s*---[\r\n]+([\S\s]*?)[\r\n]+---(?:\r\n|\n|$)")

_LICENSES = """
afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m
bigscience-bloom-rail-1.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause
bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0
cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0
epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 fair-noncommercial-research-license gemma gfdl
gpl gpl-2.0 gpl-3.0 grok2-community h-research intel-research isc lgpl lgpl-2.1 lgpl-3.0
lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit mpl-2.0 ms-pl ncsa
odbl odc-by ofl-1.1 openmdw-1.0 openrail openrail++ osl-3.0 other pddl postgresql unknown
unlicense wtfpl zlib
"""
LICENSES = frozenset(_LICENSES.split())

_TASKS = """
any-to-any audio-classification audio-text-to-text audio-to-audio
automatic-speech-recognition depth-estimation document-question-answering
feature-extraction fill-mask graph-ml image-classification image-feature-extraction
image-segmentation image-text-to-image image-text-to-text image-text-to-video image-to-3d
image-to-image image-to-text image-to-video keypoint-detection mask-generation
multiple-choice object-detection other question-answering reinforcement-learning robotics
sentence-similarity summarization table-question-answering table-to-text
tabular-classification tabular-regression tabular-to-text text-classification
text-generation text-ranking text-retrieval text-to-3d text-to-audio text-to-image
text-to-speech text-to-video time-series-forecasting token-classification translation
unconditional-image-generation video-classification video-text-to-text video-to-video
visual-document-retrieval visual-question-answering voice-activity-detection
zero-shot-classification zero-shot-image-classification zero-shot-object-detection
"""
TASKS = frozenset(_TASKS.split())

_RELATIONS = ("adapter", "finetune", "merge", "quantized")
_REPO = re.compile(r"(?:[A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*")
_SPECIAL_LANGUAGES = ("code", "multilingual", "agnostic")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What is wrong with a card, and what could be better."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def front_matter(card: str) -> Any:
    """Parse what stands between the first two `---`; None where there is nothing or no YAML."""
    try:
        found = FRONT.match(card)
        return yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError:
        return None


def check_card(card: str) -> Findings:
    """Check a README.md."""
    found = FRONT.match(card)
    if found is None:
        return Findings(warnings=("empty or missing yaml metadata in repo card",))
    try:
        data = yaml.safe_load(found[1])
    except yaml.YAMLError as wrong:
        return Findings(errors=(f"Invalid YAML: {' '.join(str(wrong).split())}",))
    if data is None:
        return Findings(warnings=("empty or missing yaml metadata in repo card",))
    if not isinstance(data, dict):
        return Findings(errors=("The metadata should be a mapping",))
    return Findings(errors=tuple(_errors(data)), warnings=tuple(_warnings(data)))


def _errors(data: dict[str, Any]) -> Iterator[str]:
    yield from _license_errors(data)
    yield from _language_errors(data)
    yield from _list_errors(data)
    for name in _several(data.get("base_model", [])):
        if not _is_repo(name):
            yield f'"base_model" with value "{name}" is not valid. Use a model id from the Hub'
    relation = data.get("base_model_relation", "finetune")
    if relation not in _RELATIONS:
        yield f'"base_model_relation" must be one of {", ".join(_RELATIONS)}'
    for key in ("library_name", "pipeline_tag", "thumbnail", "license_name", "license_link"):
        if key in data and not isinstance(data[key], str):
            yield f'"{key}" must be a string'
    if "model-index" in data:
        yield from _index_errors(data["model-index"])


def _list_errors(data: dict[str, Any]) -> Iterator[str]:
    if not isinstance(data.get("tags", []), list):
        yield '"tags" must be an array'
    for key in ("tags", "metrics", "datasets"):
        for i, value in enumerate(_several(data.get(key, []))):
            if not isinstance(value, str):
                yield f'"{key}[{i}]" must be a string'
            elif key == "datasets" and not _is_repo(value):
                yield f'"datasets[{i}]" with value "{value}" is not valid'


def _license_errors(data: dict[str, Any]) -> Iterator[str]:
    for name in _several(data.get("license", [])):
        if not isinstance(name, str) or name not in LICENSES:
            yield f'"license" must be one of the Hub\'s licenses, not "{name}"'


def _language_errors(data: dict[str, Any]) -> Iterator[str]:
    for code in _several(data.get("language", [])):
        known = isinstance(code, str) and (
            re.fullmatch(r"[a-z]{2,3}", code) or code in _SPECIAL_LANGUAGES
        )
        if not known:
            yield (
                f'"language" with value "{code}" is not valid. It must be an ISO 639-1, 639-2 or '
                f'639-3 code (two/three letters), or a special value like "code", "multilingual".'
            )


def _index_errors(index: Any) -> Iterator[str]:
    if not isinstance(index, list):
        yield _index_error("", "must be array")
        return
    for i, model in enumerate(index):
        if not isinstance(model, dict) or not isinstance(model.get("name"), str):
            yield _index_error(f"/{i}", "must have property 'name'")
            continue
        if not isinstance(model.get("results"), list):
            yield _index_error(f"/{i}", "must have property 'results'")
            continue
        for j, result in enumerate(model["results"]):
            yield from _result_errors(f"/{i}/results/{j}", result)


def _result_errors(place: str, result: Any) -> Iterator[str]:
    for part, keys in (("task", ("type",)), ("dataset", ("type", "name"))):
        value = result.get(part) if isinstance(result, dict) else None
        if not isinstance(value, dict):
            yield _index_error(place, f"must have property '{part}'")
            continue
        for key in keys:
            if not isinstance(value.get(key), str):
                yield _index_error(f"{place}/{part}", f"must have property '{key}'")
    metrics = result.get("metrics") if isinstance(result, dict) else None
    if not isinstance(metrics, list) or not metrics:
        yield _index_error(place, "must have property 'metrics'")
        return
    for k, metric in enumerate(metrics):
        for key in ("type", "value"):
            if not isinstance(metric, dict) or metric.get(key) is None:
                yield _index_error(f"{place}/metrics/{k}", f"must have property '{key}'")


def _index_error(place: str, problem: str) -> str:
    return f'YAML metadata schema issue on key "model-index" (key: {place} {problem})'


def _warnings(data: dict[str, Any]) -> Iterator[str]:
    task = data.get("pipeline_tag")
    if isinstance(task, str) and task not in TASKS:
        yield f'The pipeline tag "{task}" is not in the official list'
    if data.get("license") == "other" and not {"license_name", "license_link"} <= data.keys():
        yield '"license: other" should come with "license_name" and "license_link"'


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_repo(name: Any) -> bool:
    return isinstance(name, str) and _REPO.fullmatch(name) is not None
