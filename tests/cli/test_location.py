from dataclasses import replace

from cli.location import print_location
from export.locate import GrowthRow
from tests.export.test_locate import LOCATION


def test_the_table_has_two_columns_and_marks_where_the_two_part(capsys):
    before = GrowthRow(module="body.bn1", tensor="bn", error=1e-7, bound=1e-5)
    after = GrowthRow(module="_heads.0.last", tensor="logits", error=0.9, bound=1e-4)
    print_location(replace(LOCATION, growth=(before, *LOCATION.growth, after)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["module", "error", "/", "allowed"]
    assert lines[1].split() == ["body.bn1", "1.0e-07", "/", "1.0e-05"]
    assert lines[2].endswith("5.0e-01 / 1.0e-05  ← first")
    assert lines[3].endswith("9.0e-01 / 1.0e-04  differs")
    assert any("body.layer3.1.conv2" in line for line in lines)
    assert any("pads differ" in line for line in lines)
