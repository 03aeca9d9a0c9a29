"""The whole check of a data set, from what it holds to what would spoil a result."""

from __future__ import annotations

from zoo.data.check.files import check_files
from zoo.data.check.findings import Place, Report, sort_findings
from zoo.data.check.grouping import group_pictures
from zoo.data.check.identical import check_identical
from zoo.data.check.look import Looks, look_at
from zoo.data.check.near import check_near
from zoo.data.check.pictures import Pictures, check_pictures
from zoo.data.check.rows import Rows, gather_rows
from zoo.data.check.summary import summarise
from zoo.data.check.truths import check_truths
from zoo.data.dataset import Dataset
from zoo.progress import Progress, Silence


def check_dataset(
    dataset: Dataset,
    *,
    quick: bool = False,
    near: bool = True,
    img_size: int = 224,
    progress: Progress | None = None,
) -> Report:
    """Look for what makes results on a data set worth less than they seem.

    Args:
        dataset: Opened without its bad files; see `Dataset.skipped`.
        quick: Open no file: identical ones, truths and their balance only.
        near: Look for near duplicates, too.
        img_size: Pixels of each side that the network sees.
        progress: Hears of each image.
    """
    rows = gather_rows(dataset)
    if quick:
        findings = [*check_identical(dataset, rows), *check_truths(dataset, rows)]
        return Report(summary=summarise(dataset, None), findings=sort_findings(findings))
    progress = progress or Silence()
    rows, looks, unread = _look(rows, progress)
    findings = [
        *check_files(dataset, unread),
        *check_identical(dataset, rows),
        *(check_near(dataset, rows, group_pictures(looks, progress)) if near else ()),
        *check_truths(dataset, rows),
        *check_pictures(Pictures(rows=rows, looks=looks), img_size),
    ]
    return Report(summary=summarise(dataset, looks), findings=sort_findings(findings))


def _look(rows: Rows, progress: Progress) -> tuple[Rows, Looks, list[Place]]:
    """Open one file of each content; those not hashed before are now told apart by their bytes."""
    firsts = rows.first_rows()
    paths = [rows.path(row) for row in firsts.tolist()]
    digests = [digest.decode() for digest in rows.digests[firsts].tolist()]
    looks, bad = look_at(paths, digests, progress)
    unread = [rows.place(int(firsts[at]), reason) for at, reason in bad.items()]
    hashed = rows.with_digests(looks["digest"][rows.content])
    return hashed, looks[rows.content[hashed.first_rows()]], unread
