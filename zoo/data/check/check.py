"""The whole check of a data set, from what it holds to what would spoil a result."""

from __future__ import annotations

from zoo.data.check.files import check_files
from zoo.data.check.findings import FoundFile, Report, sort_findings
from zoo.data.check.glance import glance_at_pictures
from zoo.data.check.grouping import group_pictures
from zoo.data.check.identical import check_identical
from zoo.data.check.look import Looks, look_at
from zoo.data.check.near import check_near
from zoo.data.check.pictures import Pictures, check_pictures
from zoo.data.check.rows import Rows, gather_rows
from zoo.data.check.summary import summarise
from zoo.data.check.suspects import hash_suspects
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
        quick: Open no more files than a few seconds allow: truths and their balance, what is
            identical, and near duplicates in two splits.
        near: Look for near duplicates, too.
        img_size: Pixels of each side that the network sees.
        progress: Hears of each image.
    """
    rows, progress = gather_rows(dataset), progress or Silence()
    if quick:
        rows, unopened = hash_suspects(rows, progress)
        findings = [
            *check_identical(dataset, rows, unopened=unopened),
            *(glance_at_pictures(rows, progress) if near else ()),
            *check_truths(dataset, rows),
        ]
        return Report(summary=summarise(dataset, None), findings=sort_findings(findings))
    rows, looks, unread = _look(rows, progress)
    findings = [
        *check_files(dataset, unread),
        *check_identical(dataset, rows),
        *(check_near(dataset, rows, group_pictures(looks, progress)) if near else ()),
        *check_truths(dataset, rows),
        *check_pictures(Pictures(rows=rows, looks=looks), img_size),
    ]
    return Report(summary=summarise(dataset, looks), findings=sort_findings(findings))


def _look(rows: Rows, progress: Progress) -> tuple[Rows, Looks, list[FoundFile]]:
    """Open one file of each content; those not hashed before are now told apart by their bytes."""
    firsts = rows.first_rows()
    paths = [rows.path(row) for row in firsts.tolist()]
    digests = [digest.decode() for digest in rows.digests[firsts].tolist()]
    looks, bad = look_at(paths, digests, progress)
    unread = [rows.place(int(firsts[at]), reason) for at, reason in bad.items()]
    hashed = rows.with_digests(looks["digest"][rows.content])
    return hashed, looks[rows.content[hashed.first_rows()]], unread
