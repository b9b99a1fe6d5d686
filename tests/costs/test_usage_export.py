"""Files that are no export, or a faulty one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pressrun.costs.usage_export import read_export
from pressrun.errors import Refused

from .exports import COSTS_HEAD, HEAD, billed, export, times, used


def refused(text: str) -> str:
    with pytest.raises(Refused) as caught:
        read_export(text, "export.csv")
    return str(caught.value)


def test_a_file_without_use_is_refused_with_what_was_found_and_what_is_wanted():
    text = refused("name,colour\nbread,brown\n")
    assert "columns found: name, colour" in text
    assert "required for usage: start_time, num_model_requests, input_tokens, output_tokens" in text
    assert "required for costs: start_time, amount_value" in text
    assert "nothing was" in text


@pytest.mark.parametrize("text", ["", "\n\n", "{}", "PK\x03\x04\x14\x00\x06\x00", '"', "\x1b[2J,a"])
def test_what_is_no_table_is_refused_without_a_traceback_or_a_control_character(text):
    assert "\x1b" not in refused(text)


def test_an_images_export_is_refused_with_what_to_export_instead():
    assert "completions export" in refused("start_time,end_time,images,num_model_requests,model\n")


def test_the_export_of_a_time_without_usage_is_refused_with_what_it_means():
    text = refused("start_time,end_time,start_time_iso,end_time_iso\n" + times(20) + "\n")
    assert "nothing was used" in text


def test_a_column_that_is_there_twice_is_refused_by_its_name():
    text = refused(
        "start_time,model,num_model_requests,input_tokens,input_tokens,output_tokens\n1795910400,m,1,2,3,4\n"
    )
    assert "two columns named input_tokens" in text


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31"])
def test_a_time_that_no_bucket_can_have_is_a_fault_of_its_line(moment):
    text = refused(f"start_time,model,num_model_requests,input_tokens,output_tokens\n{moment},m,1,2,3\n")
    assert "line 2: start_time" in text
    assert "is not a time" in text


def test_a_count_that_may_have_points_between_its_thousands_is_not_guessed():
    assert "may have a point between its thousands" in refused(export(used(19, input="12.000")))


def test_all_faulty_lines_are_told_at_once_with_their_numbers():
    text = refused(
        export(
            used(19),
            used(20, requests="two", batch="perhaps"),
            used(21, input="-5", output="1.5", cached=""),
            used(22).replace("1795305600", "yesterday"),
            used(23, input=""),
            "1,2,3",
            used(24).replace("2026-11-25", "2026-11-27").replace("1795564800", "1795737600"),
        )
    )
    assert text.splitlines() == [
        "export.csv has faults; nothing was compared. Export it again.",
        "  line 3: batch 'perhaps' is neither true nor false",
        "  line 3: num_model_requests 'two' is not a number",
        "  line 4: input_tokens '-5' is not a count (0, 1, 2 ...)",
        "  line 4: output_tokens '1.5' is not a count (0, 1, 2 ...)",
        "  line 5: start_time 'yesterday' is not a time (seconds since 1970, or 2026-11-23T00:00:00)",
        "  line 6: input_tokens '' is not a number",
        "  line 7: 3 cells, but the first line has 16",
        "  line 8: the bucket is not within one day (UTC)",
    ]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e999999", "1_000", "0,5", "$1", "١", "1e30"])
def test_an_amount_is_plain_digits(amount):
    assert "is not a number" in refused(export(billed(20, f'"{amount}"'), head=COSTS_HEAD))


@pytest.mark.parametrize("start", ["1795132800000", "1.79513E+09", "20.11.2026", "2026-11-20T25:00", ""])
def test_a_time_that_could_be_misread_is_refused(start):
    line = f"{start},2,4000,4000"
    said = refused(export(line, head="start_time,num_model_requests,input_tokens,output_tokens"))
    assert "line 2" in said


def test_costs_in_another_currency_are_refused():
    assert "is not USD" in refused(export(billed(20, "1", currency="eur"), head=COSTS_HEAD))


def test_a_file_that_was_cut_off_within_a_quoted_cell_is_refused():
    assert "line 3" in refused(export(used(20), '1795132800,"179513', head=HEAD))


@settings(max_examples=200)
@given(
    st.text(max_size=200) | st.lists(st.text(max_size=8), max_size=16).map(lambda cells: f"{HEAD}\n{','.join(cells)}")
)
def test_any_text_is_an_export_or_refused(text):
    try:
        read_export(text, "export.csv")
    except Refused as error:
        assert "export.csv" in str(error)
