"""How a run's graph is laid out: as rails and as layers."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.tui.runs.layers import CARD, NARROW, layers
from zwarm_tui.tui.runs.rails import rails


@dataclass(frozen=True)
class S:
    name: str
    parents: tuple[str, ...] = ()
    within: str | None = None


def stages(text: str) -> list[S]:
    """ "plan; bold < plan; calm < plan; inner < bold @ bold"."""
    found = []
    for part in text.split(";"):
        rest, _, within = part.partition("@")
        name, _, parents = rest.partition("<")
        after = tuple(p.strip() for p in parents.split(",") if p.strip())
        found.append(S(name.strip(), after, within.strip() or None))
    return found


def drawn(text: str) -> str:
    lines = []
    for row in rails(stages(text)):
        lines += [f"{row.first}● {row.stage}", row.second.rstrip()]
    return "\n".join(lines).rstrip()


DEBATE = "plan; bold < plan; calm < plan; critique < bold, calm; merge < critique"


def test_side_by_side_branches_off_the_rail_and_comes_back() -> None:
    assert (
        drawn(DEBATE)
        == """\
● plan
│
├─● bold
│
├─● calm
│
● critique
│
● merge"""
    )


def test_a_chain_in_a_branch_stays_on_its_own_rail() -> None:
    assert (
        drawn("p; a < p; b < p; a2 < a; b2 < b; m < a2, b2")
        == """\
● p
│
├─● a
│ │
│ ● a2
│
├─● b
│ │
│ ● b2
│
● m"""
    )


def test_nested_stages_hang_under_theirs() -> None:
    assert (
        drawn("a; b < a; in1 < b @ b; in2 < in1 @ b; c < b")
        == """\
● a
│
● b
╎
├╌● in1
│ │
│ ● in2
│
● c"""
    )


def test_several_at_the_start() -> None:
    assert (
        drawn("a; b; c < a, b")
        == """\
╭─● a
│
├─● b
│
● c"""
    )


def test_what_no_rail_can_show_is_said() -> None:
    rows = {row.stage: row for row in rails(stages("p; a < p; b < p; c < p; x < a, b; y < x, c"))}
    assert rows["x"].after == ("a", "b")
    assert rows["y"].after == ()


def test_layers_follow_the_edges() -> None:
    graph = layers(stages(DEBATE))
    assert graph.layers == [["plan"], ["bold", "calm"], ["critique"], ["merge"]]
    cards = graph.cards
    assert cards["plan"].x < cards["bold"].x == cards["calm"].x < cards["critique"].x
    # plan's edge leaves it on the line where critique's and merge's arrive: between the drafts
    assert cards["bold"].y < cards["plan"].y < cards["calm"].y
    assert cards["plan"].y == cards["critique"].y == cards["merge"].y
    fan = [wire.text for wire in graph.wires[cards["plan"].y + 1]]
    assert fan[0].startswith("──┤")
    assert fan[1].endswith("├─▸")


def test_gates_and_nested_stages_make_a_card_taller() -> None:
    graph = layers(stages("a; in1 < a @ a; in2 < in1 @ a; deep < in1 @ in1"), {"a"})
    card = graph.cards["a"]
    assert card.nested == (("in1", 1), ("deep", 2), ("in2", 1))
    assert card.marked
    assert card.height == 4 + 3 + 1
    assert graph.inside == {"in1": "a", "in2": "a", "deep": "a"}


def test_an_edge_passes_a_layer_beside_its_cards() -> None:
    graph = layers(stages("a; b < a; c < b; d < a, c"))
    b = graph.cards["b"]
    passing = [y for y, wires in graph.wires.items() if any(w.text == "─" * CARD for w in wires)]
    assert passing
    assert all(not b.y <= y < b.y + b.height for y in passing if any(w.x == b.x for w in graph.wires[y]))


@st.composite
def dags(draw: st.DrawFn) -> list[S]:
    made: list[S] = []
    for n in range(draw(st.integers(0, 24))):
        names = [s.name for s in made if s.within is None]
        within = draw(st.sampled_from(names)) if names and draw(st.integers(0, 5)) == 0 else None
        parents = draw(st.lists(st.sampled_from(names), max_size=3)) if names else []
        made.append(S(f"s{n}", (within,) if within else tuple(parents), within))
    return made


@given(dags())
def test_every_stage_has_a_row_and_a_place(made: list[S]) -> None:
    """Failed, unattended or nested: none is ever left out."""
    assert sorted(row.stage for row in rails(made)) == sorted(s.name for s in made)
    graph = layers(made)
    assert sorted([*graph.cards, *graph.inside]) == sorted(s.name for s in made)
    nested = [name for card in graph.cards.values() for name, _ in card.nested]
    assert sorted(nested) == sorted(graph.inside)
    for s in made:
        for p in s.parents:
            if s.name in graph.cards and p in graph.cards:
                assert graph.cards[p].x < graph.cards[s.name].x
    for cards in graph.on_row.values():
        assert len({card.x for card in cards}) == len(cards)


def test_cards_are_narrower_where_all_layers_then_fit() -> None:
    chain = "a; b < a; c < b; d < c"
    wide = layers(stages(chain))
    assert layers(stages(chain), room=wide.width).card == CARD
    narrow = layers(stages(chain), room=wide.width - 10)
    assert NARROW <= narrow.card < CARD
    assert narrow.width <= wide.width - 10
    assert narrow.cards["b"].x == narrow.cards["a"].x + narrow.card + 4
    assert layers(stages(chain), room=4 * NARROW).width == wide.width, "it never fits: it is scrolled"
