from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from maxella.report.labels import Place, place_labels

SIZE = (400.0, 300.0)


def test_a_name_stands_right_of_its_point_where_there_is_room():
    assert place_labels([(100.0, 100.0)], [50.0], SIZE) == [Place(109.0, 159.0, 100.0)]


def test_a_name_stands_left_of_a_point_at_the_right_edge():
    # 380 + 9 + 50 would leave the plot of 400: 380 - 9 - 50 = 321 to 371.
    assert place_labels([(380.0, 100.0)], [50.0], SIZE) == [Place(321.0, 371.0, 100.0)]


def test_of_two_points_at_one_place_the_second_goes_to_the_other_side():
    first, second = place_labels([(200.0, 100.0)] * 2, [50.0, 50.0], SIZE)
    assert (first.left, second.right) == (209.0, 191.0)


def test_a_name_makes_way_for_a_point():
    # The neighbour at 230 would lie under a name from 209 to 259.
    first, _ = place_labels([(200.0, 100.0), (230.0, 100.0)], [50.0, 50.0], SIZE)
    assert not first.covers_point(230.0, 100.0)


def test_a_name_wider_than_the_plot_stands_all_the_same():
    (place,) = place_labels([(200.0, 100.0)], [900.0], SIZE)
    assert place.right - place.left == 900.0


def test_no_points():
    assert place_labels([], [], SIZE) == []


@given(
    st.lists(
        st.tuples(st.floats(0, 400), st.floats(0, 300), st.floats(20, 120)),
        max_size=6,
    )
)
def test_no_name_covers_another_while_there_is_room(rows):
    # Six names of one line each in a plot of twenty lines: there is always room for the names.
    places = place_labels([(x, y) for x, y, _ in rows], [width for _, _, width in rows], SIZE)
    assert not any(first.covers(second) for first, second in combinations(places, 2))
    assert all(place.left >= 0 and place.right <= SIZE[0] + 1e-6 for place in places)
