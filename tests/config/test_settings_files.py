"""Settings files: what they may say, and what is said where they are wrong."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from zwarm_tui.config import paths
from zwarm_tui.config.prices import pricer
from zwarm_tui.config.settings import (
    TEMPLATE,
    CodexSettings,
    HostSettings,
    Loaded,
    PilotSettings,
    Settings,
    UiSettings,
    load,
)
from zwarm_tui.core.costs import ModelPricing, get_pricing, user_prices
from zwarm_tui.core.events import Usage

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / ".zwarm").mkdir(parents=True)
    return folder


@pytest.fixture
def user(home: Path) -> Callable[[str | bytes], Loaded]:
    """Write the user's file and load it."""

    def write(text: str | bytes) -> Loaded:
        raw = text.encode() if isinstance(text, str) else text
        (home / "config.toml").write_bytes(raw)
        return load(None)

    return write


def told(loaded: Loaded) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.message) for problem in loaded.problems]


def test_without_files_all_is_default(project: Path) -> None:
    loaded = load(project)
    assert (loaded.settings, loaded.problems, loaded.files) == (Settings(), [], [])
    assert loaded.settings.executor == "codex"
    assert (loaded.settings.max_concurrent, loaded.settings.idle_timeout) == (8, 600)
    assert (loaded.settings.pilot.brain, loaded.settings.pilot.bash) == ("auto", "sandbox")
    assert (loaded.settings.codex.sandbox, loaded.settings.codex.approvals) == (
        "workspace-write",
        "on-request",
    )


def test_every_setting_can_be_set(user: Callable[[str], Loaded]) -> None:
    loaded = user(
        """
executor = "demo"
model = "m"
max_concurrent = 3
idle_timeout = 0.5
[pilot]
brain = "openai:gpt-5.1"
model = "gpt-5"
base_url = "http://localhost:1/v1"
api_key_env = "MY_KEY"
bash = "ask"
[codex]
path = "/bin/codex"
sandbox = "read-only"
approvals = "untrusted"
args = ["-c", "x=1"]
env = { A = "1", B = "" }
[host]
idle = 30
[ui]
theme = "linen"
bell = false
osc_notices = false
animations = false
[keys]
quit = "ctrl+q,x"
[prices."my.model"]
input = 1
output = 2.5
cached_input = 0.1
[prices.other]
input = 1
output = 2
"""
    )
    assert told(loaded) == []
    assert loaded.settings == Settings(
        executor="demo",
        model="m",
        max_concurrent=3,
        idle_timeout=0.5,
        pilot=PilotSettings(
            brain="openai:gpt-5.1",
            model="gpt-5",
            base_url="http://localhost:1/v1",
            api_key_env="MY_KEY",
            bash="ask",
        ),
        codex=CodexSettings(
            path="/bin/codex",
            sandbox="read-only",
            approvals="untrusted",
            args=("-c", "x=1"),
            env={"A": "1", "B": ""},
        ),
        host=HostSettings(idle=30.0),
        ui=UiSettings(theme="linen", bell=False, osc_notices=False, animations=False),
        keys={"quit": "ctrl+q,x"},
        prices={"my.model": ModelPricing(1.0, 2.5, 0.1), "other": ModelPricing(1.0, 2.0)},
    )


def test_the_projects_file_wins_setting_by_setting(user: Callable[[str], Loaded], project: Path) -> None:
    user('max_concurrent = 2\nmodel = "a"\n[ui]\nbell = false\n[keys]\na = "1"\nb = "2"')
    own = paths.project_config(project)
    own.write_text('model = "b"\n[ui]\ntheme = "dusk"\n[keys]\nb = "3"')
    loaded = load(project)
    assert loaded.problems == []
    assert loaded.files == [paths.user_config(), own]
    assert (loaded.settings.max_concurrent, loaded.settings.model) == (2, "b")
    assert loaded.settings.ui == UiSettings(theme="dusk", bell=False)
    assert loaded.settings.keys == {"a": "1", "b": "3"}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("\n\nmax_concurent = 3", 3, "unknown setting 'max_concurent'"),
        ("# max_concurrent = 1\nmax_concurrent = 0", 2, "a whole number from 1 on"),
        ("max_concurrent = true", 1, "a whole number"),
        ("max_concurrent = 2.0", 1, "a whole number"),
        ("idle_timeout = -1", 1, "from 0 on"),
        (f"idle_timeout = 1{'0' * 400}", 1, "from 0 on"),
        (f"idle_timeout = 1{'0' * 5000}", 1, "digits"),
        (f"model = {'[' * 5000}", 1, "nested too deeply"),
        ("idle_timeout = nan", 1, "from 0 on"),
        ("idle_timeout = inf", 1, "from 0 on"),
        ('executor = ""', 1, "a text"),
        ("model = 5", 1, "a text"),
        ("[pilot]\nbash = 'yes'", 2, '"sandbox", "ask", "allow"'),
        ("[pilot]\nbash = ['ask']", 2, '"sandbox", "ask", "allow"'),
        ("pilot.brain = 'gpt-5'", 1, "PROVIDER:MODEL"),
        ("[pilot]\nbrain = ':x'", 2, "PROVIDER:MODEL"),
        ("[pilot]\nbrain = 3", 2, "PROVIDER:MODEL"),
        ("[pilot]\n\nbase_url = 'localhost:80'", 3, "http://"),
        ("pilot = 3", 1, "[pilot]"),
        ("[demo]\nx = 1", 1, "unknown setting 'demo'"),
        ("[codex]\nargs = 'x'", 2, "a list of texts"),
        ("[codex]\nargs = [1]", 2, "a list of texts"),
        ("[codex]\nenv = 3", 2, "[codex.env]"),
        ("[codex.env]\nA = 'x'\nB = 1", 3, "codex.env.B"),
        ("[ui]\nbell = 1", 2, "true or false"),
        ("[ui]\n'bel' = true", 2, "[ui] may hold theme, bell"),
        ("[keys]\nquit = ['x']", 2, "keys.quit: a text"),
        ("[prices.'a.b']\ninput = 1\noutput = -1", 3, "prices.a.b"),
        ("[prices.'a.b']\ninput = 1\noutput = 'x'", 3, "from 0 on"),
        ("[prices]\nm = { input = 1 }", 2, "'output' is missing"),
        ('[prices."m"]\ninput = 1\noutput = 1\ncache = 3', 4, "unknown price 'cache'"),
        ("[prices]\nm = 3", 2, "a table"),
        ("[ui]\n[executor.x]\ny = 1", 2, "a text"),
        ("[ui]\n[[codex]]", 2, "[codex]"),
        ("max_concurrent =", 1, "Invalid value"),
        ("a = 1\nb = [1,", 2, "end of the file"),
        ("a = 1\na = 2", 2, "overwrite"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    user: Callable[[str], Loaded], text: str, line: int, says: str
) -> None:
    loaded = user(text)
    assert len(loaded.problems) == 1
    problem = loaded.problems[0]
    assert problem.line == line
    assert says in problem.message
    assert str(problem).startswith(f"{paths.user_config()}:{line}: ")


def test_the_rest_of_a_wrong_file_counts(user: Callable[[str], Loaded]) -> None:
    loaded = user(
        'max_concurrent = "x"\nmodel = "m"\n[prices.bad]\ninput = 1\n[prices.good]\ninput = 1\noutput = 1'
    )
    assert [line for line, _ in told(loaded)] == [1, 3]
    assert (loaded.settings.max_concurrent, loaded.settings.model) == (8, "m")
    assert list(loaded.settings.prices) == ["good"]


def test_a_broken_file_leaves_the_other_one(user: Callable[[str], Loaded], project: Path) -> None:
    user("max_concurrent = 3")
    paths.project_config(project).write_text("[")
    loaded = load(project)
    assert loaded.settings.max_concurrent == 3
    assert [(p.path, p.line) for p in loaded.problems] == [(paths.project_config(project), 1)]


def test_a_key_pasted_for_its_name_is_not_repeated(user: Callable[[str], Loaded]) -> None:
    (problem,) = user('[pilot]\napi_key_env = "sk-secret"').problems
    assert "sk-secret" not in str(problem)


def test_a_file_that_is_no_text(user: Callable[[bytes], Loaded]) -> None:
    assert told(user(b"a = 1\nmodel = '\xff'")) == [(2, "this is not UTF-8 text; save the file as UTF-8")]


def test_a_folder_in_the_place_of_a_file(home: Path) -> None:
    (home / "config.toml").mkdir()
    (problem,) = load(None).problems
    assert "can't be read" in str(problem)


def test_a_file_in_the_place_of_the_projects_folder(tmp_path: Path) -> None:
    (tmp_path / ".zwarm").write_text("")
    (problem,) = load(tmp_path).problems
    assert problem.path == paths.project_config(tmp_path)
    assert "Not a directory" in str(problem)


def test_who_knows_more_of_a_setting_can_say_where_it_stands(
    user: Callable[[str], Loaded], project: Path
) -> None:
    user('[keys]\nquit = "q"\n[ui]\ntheme = "nope"')
    paths.project_config(project).write_text('\n[keys]\nnonsense = "x"')
    loaded = load(project)
    problem = loaded.error("no such action", "keys", "nonsense")
    assert (problem.path, problem.line) == (paths.project_config(project), 3)
    problem = loaded.error("no such theme", "ui", "theme")
    assert (problem.path, problem.line) == (paths.user_config(), 4)
    assert loaded.error("no such theme", "ui", "bell").line is None


TOML = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("abc.", min_size=1), inner, max_size=2)
    ),
    max_leaves=4,
)
SECTIONS = ("pilot", "codex", "ui", "keys", "prices")
OPTIONS = [
    f.name
    for cls in (Settings, PilotSettings, CodexSettings, HostSettings, UiSettings)
    for f in dataclasses.fields(cls)
]


@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(OPTIONS), TOML, max_size=4),
    st.dictionaries(st.sampled_from(SECTIONS), st.dictionaries(st.sampled_from(OPTIONS), TOML), max_size=2),
)
def test_no_file_makes_loading_fail(home: Path, options: dict[str, Any], sections: dict[str, Any]) -> None:
    import tomlkit

    def without_none(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_none(one) for key, one in value.items() if one is not None}
        return [without_none(one) for one in value if one is not None] if isinstance(value, list) else value

    (home / "config.toml").write_text(tomlkit.dumps(without_none({**options, **sections})), encoding="utf-8")
    loaded = load(None)
    for problem in loaded.problems:
        assert problem.line is not None


# -- the template ----------------------------------------------------------------------

SETTING = re.compile(r"^#(?=[a-z_\"-]+ = |[A-Z_]+ = )", re.MULTILINE)


def uncommented() -> Iterator[str]:
    """The template with one more setting uncommented, each in turn."""
    for match in SETTING.finditer(TEMPLATE):
        yield TEMPLATE[: match.start()] + TEMPLATE[match.end() :]


def test_the_template_says_nothing_until_it_is_edited(user: Callable[[str], Loaded]) -> None:
    loaded = user(TEMPLATE)
    assert (loaded.settings, loaded.problems) == (Settings(), [])


def test_each_line_of_the_template_can_be_uncommented(user: Callable[[str], Loaded]) -> None:
    lines = list(uncommented())
    assert len(lines) > 20
    for text in lines:
        loaded = user(text)
        assert told(loaded) == []


def test_the_whole_template_uncommented_names_every_setting_and_its_default(
    user: Callable[[str], Loaded],
) -> None:
    loaded = user(SETTING.sub("", TEMPLATE))
    assert told(loaded) == []
    examples = {"model", "base_url", "api_key_env", "path", "env", "keys", "prices", "dir", "setup"}
    examples |= {"usd", "branch_usd", "session_usd", "agents"}

    def compare(section: Any, default: Any) -> None:
        for option in dataclasses.fields(section):
            value, standard = getattr(section, option.name), getattr(default, option.name)
            if dataclasses.is_dataclass(value):
                compare(value, standard)
            elif option.name in examples:
                assert value != standard, f"{option.name} has no example"
            else:
                assert value == standard
                assert re.search(rf"^#{option.name} = ", TEMPLATE, re.MULTILINE)

    compare(loaded.settings, Settings())


# -- prices and paths ------------------------------------------------------------------


def test_the_prices_of_the_settings_are_the_first_to_count() -> None:
    try:
        price = pricer(Settings(prices={"codex": ModelPricing(2.0, 3.0)}))
        assert price("codex", Usage(model="codex", input=1_000_000)).cost == 2.0
        assert get_pricing("codex") == ModelPricing(2.0, 3.0)
    finally:
        user_prices({})


def test_paths(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert paths.user_config() == home / "config.toml"
    assert paths.user_themes() == home / "themes"
    assert paths.database(tmp_path) == tmp_path / ".zwarm" / "zwarm.db"
    assert (paths.bundled_themes() / "zwarm-dark.toml").is_file()
    monkeypatch.delenv("ZWARM_CONFIG_DIR")
    assert paths.config_dir().name == "zwarm-tui"
    assert list(tmp_path.iterdir()) == [home]


def test_reading_settings_needs_none_of_the_slow_libraries(home: Path, user: Callable[[str], Loaded]) -> None:
    user(TEMPLATE)
    code = """
import sys
from zwarm_tui.config.settings import load
from zwarm_tui.config.themes import load_themes
load(None), load_themes()
sys.exit(", ".join({"pydantic", "textual", "genai_prices", "platformdirs", "asyncio"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_a_repository_cannot_bring_along_what_is_personal(
    user: Callable[[str], Loaded], project: Path
) -> None:
    user('[codex]\nsandbox = "read-only"')
    paths.project_config(project).write_text(
        '[codex]\nsandbox = "danger-full-access"\npath = "/tmp/evil"\n[pilot]\nbash = "allow"\nbrain = "demo"\n'
    )
    loaded = load(project)
    assert loaded.settings.codex.sandbox == "read-only"
    assert loaded.settings.codex.path is None
    assert loaded.settings.pilot.bash == "sandbox"
    assert loaded.settings.pilot.brain == "demo"
    assert [line for line, _ in told(loaded)] == [3, 2, 5]
    assert all("counts only in your own file" in message for _, message in told(loaded))


def test_a_repository_can_lower_a_budget_and_not_raise_it(
    user: Callable[[str], Loaded], project: Path
) -> None:
    user("[budget]\nusd = 5\nbranch_usd = 2.5")
    paths.project_config(project).write_text("[budget]\nusd = 500\nbranch_usd = 1\nsession_usd = 3\n")
    budget = load(project).settings.budget
    assert (budget.usd, budget.branch_usd, budget.session_usd) == (5, 1, 3)
    loaded = user("[budget]\nusd = -1")
    assert told(loaded) == [(2, "budget.usd: a number from 0 on is wanted")]
    assert loaded.settings.budget.usd is None
