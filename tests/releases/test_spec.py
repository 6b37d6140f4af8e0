"""The texts that name releases: spec.py's table, and the line that each wrong word gets."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from vggbench.releases import spec
from vggbench.releases.catalogue import Catalogue, Release, Track, in_order

TENSORFLOW = ("1.0.0", "1.15.5", "2.1.4", "2.10.1", "2.15.1", "2.16.2", "2.17.0rc1")
KERAS = ("2.2.5", "2.3.1")


def make_catalogue(nightly_of=None, **tracks):
    """A catalogue of tracks with these versions. ``nightly_of``: the track of finals of those that
    have nightlies, by their names."""
    found = Catalogue.__new__(Catalogue)
    found.tracks = {
        name: Track(
            name=name,
            framework=name.title(),
            module=name,
            requirements={},
            nightly_of=(nightly_of or {}).get(name),
            releases=in_order(
                [Release(name, version, "2020-01-01", "3.11") for version in versions]
            ),
        )
        for name, versions in tracks.items()
    }
    found.by_name = {r.name: r for r in found}
    found.by_commit = {r.commit: r for r in found}
    return found


CATALOGUE = make_catalogue(tensorflow=TENSORFLOW, keras=KERAS, theano=())
COMMIT = CATALOGUE.by_name["tensorflow-2.15.1"].commit


def names(text):
    return [release.name for release in spec.select(CATALOGUE, text)]


def tf(*versions):
    return [f"tensorflow-{version}" for version in versions]


MINE = make_catalogue(tensorflow=("2.20.0", "2.21.0", "2.21.0+mine", "2.22.0"))


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        ("==2.21.0", ("2.21.0",)),
        ("==2.21.0+mine", ("2.21.0+mine",)),
        ("===2.21.0+mine", ("2.21.0+mine",)),
        ("!=2.21.0", ("2.22.0", "2.21.0+mine", "2.20.0")),
        ("!=2.21.0+mine", ("2.22.0", "2.21.0", "2.20.0")),
        (">=2.21.0+mine", ("2.22.0", "2.21.0+mine")),
        ("<2.21.0+mine", ("2.21.0", "2.20.0")),
        (">2.20,<2.22", ("2.21.0+mine", "2.21.0")),
        ("==2.21.*", ("2.21.0+mine", "2.21.0")),
        ("~=2.21.0", ("2.21.0+mine", "2.21.0")),
    ],
)
def test_a_build_of_ones_own_is_a_release_of_its_own(specifier, expected):
    found = spec.select(MINE, f"tensorflow{specifier}")
    assert [release.version for release in found] == list(expected)


@pytest.mark.parametrize("word", ["NEW", "ALL"])
def test_keywords_of_asv_run_are_told_apart_from_tracks(word):
    with pytest.raises(spec.SpecError, match=f"{word} is a word of asv run"):
        spec.select(CATALOGUE, word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tensorflow", tf(*reversed(TENSORFLOW))),
        ("keras", ["keras-2.3.1", "keras-2.2.5"]),
        ("tensorflow>=2.15", tf("2.16.2", "2.15.1")),
        ("tensorflow>=2.15,!=2.17.0rc1", tf("2.16.2", "2.15.1")),
        ("tensorflow>2.16.2,<=2.17.0rc1", tf("2.17.0rc1")),
        ("tensorflow==2.17.0rc1", tf("2.17.0rc1")),
        ("tensorflow==2.17.*", []),
        ("tensorflow>=2.10,<2.16", tf("2.15.1", "2.10.1")),
        ("tensorflow >= 2.10, < 2.16", tf("2.15.1", "2.10.1")),
        ("tensorflow~=2.15.0", tf("2.15.1")),
        ("tensorflow!=1.0.0,<2", tf("1.15.5")),
        ("tensorflow==1.15.5", tf("1.15.5")),
        ("tensorflow==2.1*", []),
        ("tensorflow==2.1.*", tf("2.1.4")),
        ("tensorflow===2.1.4", tf("2.1.4")),
        ("tensorflow-1.15.5", tf("1.15.5")),
        ("tensorflow-1.0", tf("1.0.0")),
        ("tensorflow==1.0", tf("1.0.0")),
        ("tensorflow-2.10.1..tensorflow-2.16.2", tf("2.16.2", "2.15.1")),
        ("tensorflow-2.15.1..tensorflow", tf("2.17.0rc1", "2.16.2")),
        ("..tensorflow-1.15.5", tf("1.15.5", "1.0.0")),
        ("tensorflow-2.16.2^!", tf("2.16.2")),
        ("tensorflow^!", tf("2.17.0rc1")),
        ("tensorflow-2.16.2^! tensorflow-2.15.1", tf("2.16.2", "2.15.1")),
        ("tensorflow-2.16.2^!  keras-2.3.1^!", [*tf("2.16.2"), "keras-2.3.1"]),
        ("tensorflow^! keras != 2.2.5", [*tf("2.17.0rc1"), "keras-2.3.1"]),
        ("tensorflow-2.16.2^", tf("2.15.1")),
        ("tensorflow-2.16.2^^", tf("2.10.1")),
        ("tensorflow-2.16.2~3", tf("2.1.4")),
        ("tensorflow-2.16.2~0", tf("2.16.2")),
        ("tensorflow-2.16.2~1^", tf("2.10.1")),
        ("tensorflow~0", tf("2.17.0rc1")),
        ("tensorflow~1 keras~1", [*tf("2.16.2"), "keras-2.2.5"]),
        ("tensorflow~1^", tf("2.15.1")),
        ("tensorflow~1~1^!", tf("2.15.1")),
        (COMMIT, tf("2.15.1")),
        (COMMIT[:4], tf("2.15.1")),
        (f"{COMMIT[:8]}^!", tf("2.15.1")),
        ("keras tensorflow-1.0.0", ["keras-2.3.1", "keras-2.2.5", "tensorflow-1.0.0"]),
        ("keras-2.3.1 keras", ["keras-2.3.1", "keras-2.2.5"]),
        ("  keras==2.3.1\n", ["keras-2.3.1"]),
    ],
)
def test_a_text_names_its_releases_or_is_refused(text, expected):
    if expected:
        assert names(text) == expected
    else:
        with pytest.raises(spec.SpecError):
            names(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tensorflow-2.99.0", "the nearest is tensorflow-2.21.0; "),
        ("tensorflow-2.20.1", "the nearest are tensorflow-2.20.0 and tensorflow-2.21.0; "),
        ("tensorflow-2.21.0+slwo", "the nearest is tensorflow-2.21.0+slow; "),
        ("tensorflow-3.1", "the nearest is tensorflow-3.0+mine; "),
    ],
)
def test_a_build_of_ones_own_is_nearest_only_where_no_other_release_is_as_near(text, expected):
    own = make_catalogue(tensorflow=("2.20.0", "2.21.0"))
    builds = ["2.21.0+slow", *(["3.0+mine"] if text.startswith("tensorflow-3") else [])]
    line = own.tracks["tensorflow"]
    own.tracks["tensorflow"] = replace(
        line,
        releases=in_order(
            [
                *line.releases,
                *(
                    Release("tensorflow", each, "2020-01-01", "3.11", after="2.21.0")
                    for each in builds
                ),
            ]
        ),
    )
    with pytest.raises(spec.SpecError) as caught:
        spec.select(own, text)
    assert expected in str(caught.value)


DATES = ("2.21.0.dev20260101", "2.22.0.dev20260601", "2.22.0.dev20260905")
NIGHTLY = make_catalogue(
    {"tensorflow-nightly": "tensorflow"},
    tensorflow=("2.20.0", "2.21.0"),
    **{"tensorflow-nightly": DATES},
)
NEWEST = "tensorflow-nightly-2.22.0.dev20260905"


def nightly(*places):
    return [f"tensorflow-nightly-{DATES[place]}" for place in places]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tensorflow-nightly", nightly(2, 1, 0)),
        ("tensorflow", tf("2.21.0", "2.20.0")),
        (NEWEST, nightly(2)),
        ("tensorflow-nightly==2.22.0.dev20260601", nightly(1)),
        ("tensorflow-nightly<2.22", nightly(0)),
        ("tensorflow-nightly==2.22.*", nightly(2, 1)),
        ("tensorflow-nightly>=2.22.0.dev20260601", nightly(2, 1)),
        ("tensorflow-nightly >= 2.21.0.dev1, < 2.22.0.dev20260905", nightly(1, 0)),
        (f"{nightly(0)[0]}..{NEWEST}", nightly(2, 1)),
        (f"{NEWEST}^", nightly(1)),
        (f"{NEWEST}~2", nightly(0)),
        (f"{NEWEST}^!", nightly(2)),
        ("tensorflow-2.21.0 tensorflow-nightly^", [*tf("2.21.0"), *nightly(1)]),
    ],
)
def test_a_track_can_have_a_hyphen_and_begin_with_the_name_of_another(text, expected):
    found = [release.name for release in spec.select(NIGHTLY, text)]
    assert found == expected


def test_a_build_of_ones_own_hides_no_nightly_from_a_specifier():
    own = make_catalogue(
        {"tensorflow-nightly": "tensorflow"}, **{"tensorflow-nightly": (*DATES, "2.22.0+mine")}
    )
    found = [release.version for release in spec.select(own, "tensorflow-nightly>=2.22.0.dev1")]
    assert found == ["2.22.0+mine", DATES[2], DATES[1]]
    found = [release.version for release in spec.select(own, "tensorflow-nightly<2.22")]
    assert found == [DATES[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tensorflow-nightly-2.23", f"the nearest is {NEWEST}; "),
        ("tensorflow-nightly-late", "'late' is no version; the track goes from tensorflow-nightly"),
        (
            "tensorflow-nigthly-2.22",
            "'nigthly-2.22' is no version; the track goes from tensorflow-",
        ),
        ("tensroflow-nightly-2.22", "unknown track 'tensroflow-nightly'; perhaps tensorflow-night"),
        ("tensorflow-nigthly>=2", "unknown track 'tensorflow-nigthly'; perhaps tensorflow-nightly"),
        (f"{nightly(0)[0]}..tensorflow-2.21.0", "are on two tracks; "),
    ],
)
def test_a_wrong_text_with_a_hyphen_gets_one_line_with_what_is_nearest(text, expected):
    with pytest.raises(spec.SpecError) as caught:
        spec.select(NIGHTLY, text)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tensroflow", "unknown track 'tensroflow'; perhaps tensorflow; the tracks are: "),
        ("Tensorflow>=2", "unknown track 'Tensorflow'; perhaps tensorflow; "),
        ("2.16.2", "unknown track '2.16.2'; perhaps tensorflow-2.16.2; the tracks are: "),
        ("2.3.1..2.16.2", "unknown track '2.16.2'; perhaps tensorflow-2.16.2; "),
        ("9.9", "unknown track '9.9'; the tracks are: keras, tensorflow, theano"),
        ("torch-2.0", "unknown track 'torch'; the tracks are: keras, tensorflow, theano"),
        ("tensorflow-2.14.0", "the nearest are tensorflow-2.10.1 and tensorflow-2.15.1; "),
        ("tensorflow-0.9", "the nearest is tensorflow-1.0.0; "),
        ("tensorflow==9.9", "the nearest is tensorflow-2.17.0rc1; "),
        ("tensorflow==9.9", "vggbench releases add tensorflow==9.9"),
        ("tensorflow>2.16.2", "only pre-releases fit, and a specifier takes them only where it"),
        ("tensorflow>2.16.2", "such as 'tensorflow>=2.17.0rc1'"),
        ("tensorflow>=3", "the track goes from tensorflow-1.0.0 to tensorflow-2.17.0rc1"),
        ("tensorflow-latest", "'latest' is no version; the track goes from tensorflow-1.0.0 to "),
        ("tensorflow=2.15", "'=2.15' is no version specifier; write tensorflow==2.16.2, "),
        ("tensorflow>=", "'>=' is no version specifier; "),
        ("tensorflow=>2", "'=>2' is no version specifier; "),
        ("tensorflow~2.1", "'~2.1' is no version specifier; "),
        ("tensorflow-1.0.0..keras-2.3.1", "tensorflow-1.0.0 and keras-2.3.1 are on two tracks; "),
        ("tensorflow-1.0.0..", "a range needs its end: A..B, such as tensorflow-1.0.0.."),
        ("tensorflow-2.16.2..tensorflow-2.15.1", "perhaps tensorflow-2.15.1..tensorflow-2.16.2"),
        ("tensorflow-1.0.0..tensorflow-1.0.0", "the start is not part of a range"),
        ("tensorflow-1.0.0^", "is before the first release of the track, tensorflow-1.0.0"),
        ("tensorflow-1.0.0~9", "is before the first release of the track, tensorflow-1.0.0"),
        ("tensorflow-1.0.0~" + "9" * 5000, "names no release: it has 5017 characters"),
        ("deadbeef", "'deadbeef' is the beginning of no release's id; a name is tensorflow-"),
        ("theano", "names no release"),
        ("theano^!", "the track theano has no release yet: vggbench releases add theano=="),
        ("theano-1.0", "the track theano is empty"),
        ("", "names no release; give one such as tensorflow-1.0.0"),
        ("^!", "unknown track ''"),
        ("..", "a range needs its end"),
    ],
)
def test_wrong_texts_get_one_line_with_what_is_nearest(text, expected):
    with pytest.raises(spec.SpecError) as caught:
        spec.select(CATALOGUE, text)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "tensorflow>=2.15",
        "tensorflow >=2.15,<3",
        "tensorflow-1.0.0..tensorflow-2.15.1",
        "tensorflow-1.0.0 keras-2.3.1",
    ],
)
def test_a_text_for_several_releases_is_refused_where_one_is_wanted(text):
    with pytest.raises(spec.SpecError) as caught:
        spec.release(CATALOGUE, text)
    named = spec.select(CATALOGUE, text)
    assert len(named) > 1
    assert str(caught.value) == (
        f"{text!r} names {len(named)} releases; give one of them, such as {named[0].name}"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("tensorflow==2.15.1", "tensorflow-2.15.1"),
        ("tensorflow < 1.1", "tensorflow-1.0.0"),
        ("..tensorflow-1.0.0", "tensorflow-1.0.0"),
    ],
)
def test_any_text_that_names_one_release_alone_is_taken_where_one_is_wanted(text, name):
    assert spec.release(CATALOGUE, text).name == name


def test_the_beginning_of_two_ids_names_both():
    many = make_catalogue(tensorflow=tuple(f"1.{minor}" for minor in range(3000)))
    beginnings = {}
    for release in many:
        beginnings.setdefault(release.commit[:4], []).append(release.name)
    beginning, both = next((b, n) for b, n in beginnings.items() if len(n) == 2)
    with pytest.raises(spec.SpecError) as caught:
        spec.select(many, beginning)
    assert all(name in str(caught.value) for name in both)


#: A track with each kind of pre-release: of versions with their final and without it, of which
#: 2.18.1 is the last patch and the final of 2.18; and a build of the user's own.
KINDS = make_catalogue(
    tensorflow=(
        "2.16.2", "2.17.0rc0", "2.17.0rc1", "2.17.1", "2.18.0rc2", "2.18.1", "2.19.0.dev20260101",
        "2.19.0rc0", "2.19.0rc1",
    )
)  # fmt: skip
CURRENT = ("2.19.0rc1", "2.18.1", "2.17.1", "2.16.2")


def test_of_pre_releases_the_newest_of_a_version_without_a_final_is_current():
    on = KINDS.tracks["tensorflow"]
    assert [release.version for release in reversed(on.current)] == list(CURRENT)
    assert [release.name for release in on.releases if not KINDS.is_current(release)] == tf(
        "2.17.0rc0", "2.17.0rc1", "2.18.0rc2", "2.19.0.dev20260101", "2.19.0rc0"
    )


def test_a_build_of_ones_own_is_current_and_is_no_final():
    mine = [
        Release("demo", "1.0", "2026-01-01", "3.11"),
        Release("demo", "1.1rc0", "2026-01-02", "3.11"),
        Release("demo", "1.1rc0+mine", "2026-01-03", "3.11", after="1.1rc0"),
        Release("demo", "1.1+mine", "2026-01-03", "3.11", after="1.0"),
    ]
    track = Track(name="demo", framework="D", module="d", requirements={}, releases=in_order(mine))
    assert track.superseded == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tensorflow", CURRENT),
        ("tensorflow^!", ("2.19.0rc1",)),
        ("tensorflow^", ("2.18.1",)),
        ("tensorflow-2.18.1^", ("2.17.1",)),
        ("tensorflow-2.17.1~1", ("2.16.2",)),
        ("tensorflow-2.17.0rc1^", ("2.16.2",)),
        ("tensorflow-2.18.0rc2~2", ("2.16.2",)),
        ("tensorflow-2.16.2..tensorflow-2.18.1", ("2.18.1", "2.17.1")),
        ("tensorflow-2.16.2..tensorflow-2.17.0rc1", ("2.17.0rc1",)),
        ("tensorflow-2.17.0rc0..tensorflow-2.17.1", ("2.17.1",)),
        ("tensorflow-2.17.0rc0", ("2.17.0rc0",)),
        ("tensorflow>=2.17", ("2.18.1", "2.17.1")),
        ("tensorflow>=2.17.0rc1,<2.18", ("2.17.1", "2.17.0rc1")),
        ("tensorflow>2.16.2,<=2.17.0rc1", ("2.17.0rc1", "2.17.0rc0")),
    ],
)
def test_a_superseded_pre_release_is_passed_over_unless_it_is_named(text, expected):
    assert [release.version for release in spec.select(KINDS, text)] == list(expected)


FINALS = [release.version for release in KINDS if not release.is_prerelease]
PRE = [release.version for release in KINDS if release.is_prerelease]
SIGNS = st.sampled_from(["==", "!=", ">=", "<=", ">", "<", "~=", "==="])


def selected(specifier):
    """The versions that a specifier takes of KINDS: none where it is refused."""
    try:
        return {release.version for release in spec.select(KINDS, f"tensorflow{specifier}")}
    except spec.SpecError:
        return set()


@given(st.lists(st.tuples(SIGNS, st.sampled_from(FINALS)), min_size=1, max_size=3))
def test_a_specifier_that_names_no_pre_release_takes_none(clauses):
    assert selected(",".join(sign + version for sign, version in clauses)) <= set(FINALS)


@given(SIGNS, st.sampled_from(PRE), st.lists(st.tuples(SIGNS, st.sampled_from(FINALS)), max_size=2))
def test_a_specifier_that_names_a_pre_release_takes_all_that_fit(sign, named, others):
    clauses = [(sign, named), *others]
    fitting = {
        version
        for version in (*FINALS, *PRE)
        if all(
            spec._clause(sign + wanted)(Version(version))  # what a clause allows, by itself
            for sign, wanted in clauses
        )
    }
    expected = fitting if sign != "!=" else fitting & set(FINALS)
    assert selected(",".join(sign + version for sign, version in clauses)) == expected


PARTS = [*CATALOGUE.by_name, *CATALOGUE.tracks, COMMIT, COMMIT[:6], "2.15", "1.*", "rc1", "+x"]
PARTS += ["..", "...", "^", "^!", "~", "~1", "~9", "==", ">=", "<", "!=", "===", ",", " ", "-", "2"]
PARTS += ["HEAD", "\u0661", "\u00b2", "\x00", "9" * 5000, "~1" * 2000]
ARBITRARY = st.text() | st.lists(st.sampled_from(PARTS), max_size=8).map("".join)
OF_KINDS = st.lists(st.sampled_from([*KINDS.by_name, *PARTS]), max_size=6).map("".join)


def answer(function, text):
    """What ``function`` answers, or the text of its SpecError."""
    try:
        return function(CATALOGUE, text)
    except spec.SpecError as error:
        return str(error)


@given(ARBITRARY)
def test_arbitrary_text_selects_releases_or_is_a_spec_error(text):
    found = answer(spec.select, text)
    if isinstance(found, str):
        assert len(found.splitlines()) == 1
    else:
        assert found
        assert len({r.commit for r in found}) == len(found)
        assert all(CATALOGUE.by_commit[r.commit] is r for r in found)


@given(ARBITRARY)
def test_arbitrary_text_names_one_release_or_is_a_spec_error(word):
    found = answer(spec.release, word)
    if isinstance(found, str):
        assert len(found.splitlines()) == 1
    else:
        assert CATALOGUE.by_commit[found.commit] is found


@given(OF_KINDS)
def test_a_superseded_pre_release_is_taken_only_by_a_text_that_names_a_pre_release(text):
    try:
        found = spec.select(KINDS, text)
    except spec.SpecError:
        return
    named = any(part in text for part in ("rc", "dev", COMMIT[:6]))  # such a part can be a version
    assert named or all(map(KINDS.is_current, found))
