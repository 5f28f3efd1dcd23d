"""Reading one voxel's LCModel file."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrsi_sr.lcmodel.tables import concentration_of, input_changes, name_of, parse, sd_of
from mrsi_sr.scan.volumes import Status

EXAMPLES = Path(__file__).parents[2] / "data/lcmodel"
COORDS = sorted(EXAMPLES.rglob("*.coord"))


def lcmodel_number(value: float, width: int, digits: int) -> str:
    """As LCModel writes: fixed with three decimals for 0 or 0.0995..999.999, else with an exponent."""
    fixed = f"{value:{width}.3f}"
    return fixed if value == 0 or 0.0995 <= value <= 999.999 else f"{value:{width}.{digits}E}"


def row(name: str, value: float = 1.0, sd: int = 5, ratio: float = 0.5, mark: str = " ") -> str:
    return f" {lcmodel_number(value, 8, 2)}{sd:4d}%{lcmodel_number(ratio, 8, 1)}{mark}{name:<52}"


def table(
    rows: list[str], heading: str = "$$CONC 21 lines in following", misc: str = "  FWHM = 0.034 ppm    S/N =  64"
) -> str:
    columns = "    Conc.  %SD /Cr+PCr  Metabolite"
    return "\n".join([
        " LCModel (Version 6.3-1N)", " title", "", f"{heading} concentration table = NCONC+1", columns, *rows, "",
        "$$MISC  6 lines in following misc. output table", misc, "  Data shift =-0.010 ppm", "",
        "$$DIAG  1 lines in following diagnostic table:", "   1 warning   MYBASI 41", "",
        "$$INPU  1 lines in following table of input changes:", " LPS=8", "",
    ])  # fmt: skip


names = st.text(st.characters(codec="ascii", min_codepoint=33, exclude_characters="$%"), min_size=1, max_size=27)
values = st.one_of(st.just(0.0), st.floats(1e-6, 9.9e9))


@given(names, values, st.integers(0, 999), values, st.sampled_from(" +-"))
def test_a_row_as_lcmodel_writes_it_gives_back_its_fields(name, value, sd, ratio, mark):
    data = row(name, value, sd, ratio, mark).encode()
    assert name_of(data).decode() == name
    assert concentration_of(data) == pytest.approx(value, rel=0.006, abs=0.0005)
    assert math.isnan(sd_of(data)) if sd == 999 else sd_of(data) == sd


@given(
    st.dictionaries(names, st.tuples(values, st.integers(0, 999)), min_size=1, max_size=120),
    st.integers(0, 999),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_table_gives_every_row_whatever_count_it_declares_and_however_its_lines_end(rows, declared, line_end):
    text = table(
        [row(name, *fields) for name, fields in rows.items()], heading=f"$$CONC{declared:3d} lines in following"
    )
    fit = parse(text.replace("\n", line_end).encode())
    assert fit.status is Status.OK
    assert list(fit.concentrations) == list(rows)
    assert (fit.fwhm, fit.snr) == (0.034, 64)


@given(st.integers(0, 5000))
def test_a_table_cut_anywhere_is_never_read_as_a_complete_one_with_other_numbers(length):
    whole = (EXAMPLES / "grid/t1/sl1_3-3.table").read_bytes()
    fit, cut = parse(whole), parse(whole[:length])
    assert cut.status in (Status.EMPTY, Status.TRUNCATED) or cut == fit


@settings(derandomize=True, deadline=None)
@given(
    st.sampled_from(["grid/t1/sl1_3-3.table", "single/ok.coord", "single/huge30.coord"]),
    st.lists(st.tuples(st.integers(0, 8000), st.binary(min_size=1, max_size=12)), min_size=1, max_size=5),
)
def test_a_file_with_flipped_bytes_is_read_as_something_or_as_nothing(name, flips):
    data = bytearray((EXAMPLES / name).read_bytes())
    for place, flip in flips:
        data[place : place + len(flip)] = flip
    fit = parse(bytes(data))
    assert fit.concentrations if fit.status is Status.OK else not fit.concentrations


@given(st.binary(max_size=400))
def test_no_bytes_whatever_stop_the_reader(data):
    parse(data)
    parse(b" t\n\n$$CONC  1 lines\n Conc.\n" + data + b"\n\n$$MISC\n" + data)


@pytest.mark.parametrize(
    ("text", "name", "value", "sd"),
    [
        ("    0.000 999%   0.000--CrCH2", "-CrCH2", 0.0, math.nan),
        ("    2.110  12%   0.309+Asp", "Asp", 2.110, 12),
        (" 4.66E+05   1% 3.7E-02 GPC+PCh", "GPC+PCh", 4.66e5, 1),
        (" ********  12%   0.309 Glu", "Glu", math.nan, 12),
        ("    1.000****%   0.309 Glu", "Glu", 1.0, math.nan),
        ("    1.000    %   0.309 Glu", "Glu", 1.0, math.nan),
    ],
)
def test_touching_marks_and_missing_numbers_are_read_by_column(text, name, value, sd):
    fit = parse(table([text]).encode())
    assert list(fit.concentrations) == [name]
    assert fit.concentrations[name] == pytest.approx((value, sd), nan_ok=True)


@pytest.mark.parametrize(
    ("misc", "fwhm", "snr"),
    [
        ("  FWHM = 0.034 ppm    S/N =4425", 0.034, 4425),
        ("  FWHM =10.034 ppm    S/N =  -1", 10.034, math.nan),
        ("  FWHM =****** ppm    S/N =****", math.nan, math.nan),
    ],
)
def test_fwhm_and_snr_need_no_blanks_and_undefined_ones_are_missing(misc, fwhm, snr):
    fit = parse(table([row("Glu")], misc=misc).encode())
    assert fit.status is Status.OK
    assert (fit.fwhm, fit.snr) == pytest.approx((fwhm, snr), nan_ok=True)


@pytest.mark.parametrize("kind", ["FATAL  ", "ILLOGICAL"])
def test_a_failure_counts_among_the_diagnostics_only(kind):
    good = table([row("Glu")])
    assert parse(good.replace("1 warning", f"1 {kind}").encode()).status is Status.FATAL
    assert parse(good.replace(" title", f" 1 {kind}").encode()).status is Status.OK
    assert parse(good.replace(" LPS=8", f" 1 {kind}").encode()).status is Status.OK


def test_bytes_that_are_no_text_in_a_name_are_replaced():
    assert (
        "Gl\N{REPLACEMENT CHARACTER}" in parse(table([row("Gl?")]).encode().replace(b"Gl?", b"Gl\xfc")).concentrations
    )


@pytest.mark.parametrize(
    ("file", "status"),
    [
        ("ok.table", Status.OK), ("noisefree.table", Status.OK), ("nobase.table", Status.OK),
        ("ph136.table", Status.OK), ("broad35.table", Status.OK), ("lip1e4.table", Status.OK),
        ("zero.table", Status.FATAL), ("huge30.table", Status.FATAL), ("zero.coord", Status.FATAL),
        ("huge30.coord", Status.FATAL), ("nan1.table", Status.TRUNCATED), ("nan1.coord", Status.TRUNCATED),
        ("killed.table", Status.EMPTY),
    ],
)  # fmt: skip
def test_real_failures_are_told_apart(file, status):
    assert parse((EXAMPLES / "single" / file).read_bytes()).status is status


@pytest.mark.parametrize("coord", COORDS, ids=lambda path: path.name)
def test_a_real_coord_file_gives_the_same_as_its_table(coord):
    fit, table_fit = parse(coord.read_bytes()), parse(coord.with_suffix(".table").read_bytes())
    assert fit.status is table_fit.status
    assert list(fit.concentrations) == list(table_fit.concentrations)
    for name, numbers in fit.concentrations.items():
        assert numbers == pytest.approx(table_fit.concentrations[name], nan_ok=True, abs=0)
    assert (fit.fwhm, fit.snr) == pytest.approx((table_fit.fwhm, table_fit.snr), nan_ok=True, abs=0)


@pytest.mark.parametrize(("changes", "scaled"), [
    ("LPS=8", False), ("DOWS=T", True), ("dows= T, ATTH2O=0.7", True), ("DOWS = .true.", True), ("DOWS=F", False),
    ("DOWS=T\n DOWS=F", False), ("FILH2O='dows_t.H2O'", False), ("NODOWS=T", False),
])  # fmt: skip
def test_a_fit_is_scaled_by_the_water_signal_where_dows_is_set_among_the_input(changes, scaled):
    text = table([row("Cr+PCr")]).replace(" LPS=8", f" {changes}\n NUNFIL=960, HZPPPM=297.223")
    assert input_changes(text.encode()) == (scaled, 297.223)
    titled = text.replace(" title", " DOWS=T")  # a title says nothing
    assert input_changes(titled.encode()) == (scaled, 297.223)
    before, _, _ = text.partition("$$INPU")
    assert input_changes(before.encode())[0] is None


def test_real_files_say_that_they_are_not_scaled_and_the_frequency():
    for path in (EXAMPLES / "grid/t1/sl1_4-5.table", *COORDS[:1]):
        scaled, frequency = input_changes(path.read_bytes())
        assert scaled is False and frequency == 297.223, path
