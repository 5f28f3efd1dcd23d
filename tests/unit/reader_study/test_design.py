"""Draw of a reader study: balanced over participants and sizes, fixed by the seed, refused where slices are too few."""

from collections import Counter

import pytest

from mrsi_sr.cli import UserError
from mrsi_sr.reader_study.design import Candidate, balanced_sides, draw, generator
from mrsi_sr.settings.reader_study import ReaderStudy

SLICES = range(20, 29)


def cohort(participants: int = 25, lesions: int = 15) -> list[Candidate]:
    """Nine slices of each participant; three of them show the lesion in those that have one."""
    return [Candidate(f"sub-{i:02d}", k, i < lesions and k < SLICES[3]) for i in range(participants) for k in SLICES]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "changes", [{}, {"participants": 9, "sizes": [6, 4, 2]}, {"participants": 3, "sizes": [8, 16]}]
)
def test_each_size_has_as_many_slices_and_each_participant_as_many_of_different_sizes(changes, seed):
    settings = ReaderStudy.of(seed=seed, **changes)
    cases = draw(cohort(), settings)
    assert len({(case.participant, case.slice) for case in cases}) == len(cases)
    per_size = settings.participants * settings.slices_per_participant // len(settings.sizes)
    assert Counter(case.size for case in cases) == dict.fromkeys(settings.sizes, per_size)
    assert Counter(Counter(case.participant for case in cases).values()) == {2: settings.participants}
    assert len({(case.participant, case.size) for case in cases}) == len(cases)


def test_the_papers_study_is_140_pairs_of_20_slices_four_at_each_size():
    cases = draw(cohort(), ReaderStudy.of())
    assert len(cases) * 7 == 140
    assert Counter(case.size for case in cases) == {8: 4, 10: 4, 12: 4, 14: 4, 16: 4}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("changes", [{}, {"sizes": [8, 16]}])
def test_one_slice_of_each_participant_with_a_lesion_shows_it_and_no_size_has_more_of_them(changes, seed):
    """One slice is taken for its lesion; the other shows it by chance."""
    settings = ReaderStudy.of(seed=seed, **changes)
    cases = draw(cohort(), settings)
    has_lesion = {case.participant for case in cases if case.participant < "sub-15"}
    assert {case.participant for case in cases if case.lesion} == has_lesion
    per_size = Counter(case.size for case in cases if case.lesion)
    assert max(per_size.values()) - min(per_size[size] for size in settings.sizes) <= 1


def test_a_lesion_does_not_make_a_participant_more_likely():
    """Of 25 participants 15 have one: so do 6 of 10 drawn, within three standard errors over 30 draws."""
    numbers = [
        len({case.participant for case in draw(cohort(), ReaderStudy.of(seed=seed)) if case.lesion})
        for seed in range(30)
    ]
    assert abs(sum(numbers) / len(numbers) - 6) < 3 * (10 * 0.6 * 0.4 * 15 / 24 / 30) ** 0.5


def test_a_seed_fixes_the_draw_in_any_order_of_the_slices_and_another_seed_gives_another():
    given = cohort()
    assert draw(given, ReaderStudy.of()) == draw(given[::-1], ReaderStudy.of())
    assert draw(given, ReaderStudy.of()) != draw(given, ReaderStudy.of(seed=2))


@pytest.mark.parametrize("number", [6, 7, 140])
def test_either_image_is_the_first_one_as_often_in_an_order_that_the_key_decides(number):
    drawn = [balanced_sides(number, generator("sides", i)) for i in range(8)]
    assert {sum(sides) for sides in drawn} == {number // 2, (number + 1) // 2}
    assert len({tuple(sides) for sides in drawn}) > 4
    assert drawn[0] == balanced_sides(number, generator("sides", 0))


def test_too_few_participants_are_refused_with_what_is_there_and_what_to_set():
    given = [*cohort(participants=2), Candidate("sub-07", 20, False)]
    with pytest.raises(UserError, match=r"needs 10 test participants with 2 slices[\s\S]*there are 2\n") as error:
        draw(given, ReaderStudy.of())
    assert "sub-00 9, sub-01 9, sub-07 1" in str(error.value)
    assert "participants or slices_per_participant lower" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sizes": [6, 4, 2]}, "participants times slices_per_participant is 20, which 3 sizes do not divide"),
        ({"super_resolved": "zero_filled"}, "super_resolved is zero_filled, as low_resolution"),
        ({"sizes": [7]}, "sizes"),
    ],
)
def test_a_study_that_cannot_be_balanced_is_refused(changes, words):
    with pytest.raises(UserError, match=words):
        ReaderStudy.of(**changes)
