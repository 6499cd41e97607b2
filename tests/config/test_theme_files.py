"""Theme files: the bundled ones are legible and complete, broken ones are messages."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.app import App
from textual.theme import Theme
from textual.widgets import Static

from zwarm_tui.config import paths
from zwarm_tui.config.themes import VARIABLES, ThemeData, load_themes

STATES = ("running", "waiting", "attention", "done", "failed", "interrupted")
LANES = [f"zwarm-branch-{n}" for n in range(1, 7)]
HIGH = "zwarm-contrast"
BUNDLED = sorted(paths.bundled_themes().glob("*.toml"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path))
    (tmp_path / "themes").mkdir()
    return tmp_path / "themes"


def bundled(file: Path) -> ThemeData:
    themes, _ = load_themes()
    return next(theme for theme in themes if theme.path == file)


def channels(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def linear(colour: str) -> list[float]:
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(colour)]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG's ratio, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


Matrix = tuple[tuple[float, float, float], ...]

# Linear RGB as people without red or without green cones see it (Machado et al., 2009).
PROTANOPIA: Matrix = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
DEUTERANOPIA: Matrix = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
EYES: Matrix = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def difference(one: str, other: str, eyes: Matrix = EYES) -> float:
    """Distance in OKLab, times 100: 2 is just seen side by side, 100 is black to white."""

    def lab(colour: str) -> list[float]:
        seen = linear(colour)
        r, g, b = (max(0.0, sum(m * c for m, c in zip(row, seen, strict=True))) for row in eyes)
        cones = (
            0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
            0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
            0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
        )
        long, middle, short = (c ** (1 / 3) for c in cones)
        return [
            0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
            1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
            0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
        ]

    return 100 * sum((a - b) ** 2 for a, b in zip(lab(one), lab(other), strict=True)) ** 0.5


def test_the_bundled_themes_load() -> None:
    themes, problems = load_themes()
    assert problems == []
    assert [theme.path for theme in themes] == BUNDLED
    assert len(themes) >= 6
    assert sum(not theme.dark for theme in themes) >= 2
    assert {"zwarm-dark", "zwarm-light", HIGH} <= {theme.name for theme in themes}
    assert all(theme.name == theme.path.stem for theme in themes)


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.stem)
def test_every_theme_sets_every_variable_itself(file: Path) -> None:
    assert set(tomllib.loads(file.read_text())["variables"]) >= set(VARIABLES)


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.stem)
def test_every_theme_is_legible(file: Path) -> None:
    theme = bundled(file)
    enough = 7.0 if theme.name == HIGH else 4.5
    colours = {**theme.fields, **theme.variables}
    for ground in ("background", "surface", "panel"):
        assert contrast(colours["foreground"], colours[ground]) >= max(enough, 7.0)
    for name in ("primary", "secondary", "accent", "warning", "error", "success", *VARIABLES):
        for ground in ("background", "surface"):
            ratio = contrast(colours[name], colours[ground])
            assert ratio >= enough, f"{name} on {ground}: {ratio:.2f}"
    assert contrast(colours["block-cursor-foreground"], colours["block-cursor-background"]) >= enough
    assert contrast(colours["footer-description-foreground"], colours["footer-background"]) >= enough


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.stem)
def test_meanings_look_different(file: Path) -> None:
    variables = bundled(file).variables
    for one, other in itertools.combinations(STATES, 2):
        distance = difference(variables[f"zwarm-{one}"], variables[f"zwarm-{other}"])
        assert distance >= 6, f"{one} and {other}: {distance:.1f}"
    for one, other in itertools.combinations(LANES, 2):
        assert difference(variables[one], variables[other]) >= 6, f"{one} and {other}"
    assert difference(variables["zwarm-diff-add"], variables["zwarm-diff-del"]) >= 15
    assert difference(variables["zwarm-pilot"], variables["zwarm-user"]) >= 6


@pytest.mark.parametrize("eyes", [PROTANOPIA, DEUTERANOPIA], ids=["protanopia", "deuteranopia"])
def test_one_theme_needs_no_red_and_green(eyes: Matrix) -> None:
    variables = bundled(paths.bundled_themes() / "zwarm-colorblind.toml").variables
    pairs = [*itertools.combinations(STATES, 2), ("diff-add", "diff-del")]
    for one, other in pairs:
        distance = difference(variables[f"zwarm-{one}"], variables[f"zwarm-{other}"], eyes)
        assert distance >= 6, f"{one} and {other}: {distance:.1f}"


async def test_textual_takes_every_theme() -> None:
    """A sheet that uses all variables is read again at each change of theme."""
    css = "\n".join(f"Static.{name} {{ color: ${name}; }}" for name in VARIABLES)

    class Sheet(App[None]):
        CSS = css

        def get_theme_variable_defaults(self) -> dict[str, str]:
            return bundled(BUNDLED[0]).variables

        def compose(self) -> Iterator[Static]:
            for name in VARIABLES:
                yield Static(classes=name)

    themes, _ = load_themes()
    app = Sheet()
    async with app.run_test() as pilot:
        for theme in themes:
            app.register_theme(Theme(name=theme.name, **theme.fields, variables=theme.variables))
            app.theme = theme.name
            await pilot.pause()
            for name in VARIABLES:
                shown = app.query_one(f".{name}").styles.color.hex.lower()
                assert shown == theme.variables[name]


# -- a user's own ----------------------------------------------------------------------


def test_a_users_theme_needs_only_a_primary_colour(home: Path) -> None:
    (home / "mine.toml").write_text('primary = "#123456"\ndark = false\n[variables]\nzwarm-money = "#abc"\n')
    themes, problems = load_themes()
    assert problems == []
    mine = themes[-1]
    light = next(theme for theme in themes if theme.name == "zwarm-light")
    assert (mine.name, mine.dark, mine.fields) == ("mine", False, {"primary": "#123456", "dark": False})
    assert set(mine.variables) == set(VARIABLES)
    assert mine.variables["zwarm-money"] == "#abc"
    assert mine.variables["zwarm-done"] == light.variables["zwarm-done"]


def test_a_theme_of_the_same_name_takes_the_place_of_a_bundled_one(home: Path) -> None:
    (home / "x.toml").write_text('name = "zwarm-dark"\nprimary = "#123456"')
    themes, problems = load_themes()
    assert problems == []
    assert [theme.fields["primary"] for theme in themes if theme.name == "zwarm-dark"] == ["#123456"]
    replaced = next(theme for theme in themes if theme.name == "zwarm-dark")
    assert set(replaced.variables) >= set(VARIABLES)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('primary = "#12345"', 1, "#rrggbb"),
        ('# mine\n\nprimary = "blue"', 3, "no colour"),
        ('primary = "ansi_bleu"', 1, "no colour"),
        ("primary = 3", 1, "no colour"),
        ('dark = true\n[variables]\nx = "#fff"', 1, "primary"),
        ('primary = "#fff"\nprimry = "#fff"', 2, "no such field"),
        ('primary = "#fff"\ndark = "yes"', 2, "true or false"),
        ('primary = "#fff"\ntext_alpha = 3', 2, "from 0 to 1"),
        ('primary = "#fff"\nname = "My Theme"', 2, "small letters"),
        ('primary = "#fff"\nvariables = 3', 2, "[variables]"),
        ('primary = "#fff"\n[variables]\nzwarm-runing = "#fff"', 3, "no such variable"),
        ('primary = "#fff"\n[variables]\nzwarm-done = "green"', 3, "no colour"),
        ('primary = "#fff"\n[variables]\n\n"border" = "nonsense()"', 4, "#rrggbb 40%"),
        ('primary = "#fff"\n[variables]\nborder = "$nothing"', 3, "#rrggbb 40%"),
        ('primary = "#fff"\n[variables]\nlink-style = "#fff"', 3, "bold underline"),
        ('primary = "#fff"\n[variables', 2, "end of"),
        ("", 1, "primary"),
    ],
)
def test_a_broken_theme_is_a_message_with_its_line(home: Path, text: str, line: int, says: str) -> None:
    (home / "broken.toml").write_text(text)
    (home / "good.toml").write_text('primary = "#fff"')
    themes, problems = load_themes()
    assert [theme.name for theme in themes][-1] == "good"
    assert len(themes) == len(BUNDLED) + 1
    assert [(problem.path, problem.line) for problem in problems] == [(home / "broken.toml", line)]
    assert says in problems[0].message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("border", "$primary 40%"),
        ("link-color", "auto 80%"),
        ("link-style", "bold not underline"),
        ("footer-background", "transparent"),
        ("scrollbar", "ansi_bright_blue"),
        ("block-cursor-text-style", "none"),
    ],
)
def test_textuals_own_variables_may_be_mixed_colours_and_styles(
    home: Path, variable: str, value: str
) -> None:
    (home / "mine.toml").write_text(f'primary = "#fff"\n[variables]\n{variable} = "{value}"')
    themes, problems = load_themes()
    assert problems == []
    assert themes[-1].variables[variable] == value


def test_a_folder_that_cannot_be_read_is_a_message(home: Path) -> None:
    home.rmdir()
    home.write_text("")
    _, problems = load_themes()
    assert [problem.path for problem in problems] == [home]


def test_a_link_to_nothing_is_a_message(home: Path) -> None:
    (home / "lost.toml").symlink_to(home / "nowhere")
    themes, problems = load_themes()
    assert len(themes) == len(BUNDLED)
    assert [problem.path for problem in problems] == [home / "lost.toml"]


def test_a_package_without_its_themes_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "bundled_themes", lambda: home)
    themes, (problem,) = load_themes()
    assert themes == []
    assert "install it again" in str(problem)
