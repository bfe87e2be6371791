"""docs/conformance.md against what was called in this run. Only of a run of the whole folder, after all stories."""

import pytest

from deviations import LACKS
from page import FUNCTIONS, PAGE, page
from test_permissions import called

NEEDED = {function: called(function) for function in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_moto_judged_all_that_it_has_of_what_the_function_calls(calls, function):
    answered = calls.answered["moto", function]
    assert answered - NEEDED[function] == set(), "what was called without being found in the code"
    assert NEEDED[function] - answered == NEEDED[function] & set(LACKS)


def test_ministack_judged_what_is_said_of_it(calls):
    for function in FUNCTIONS:
        assert calls.answered["MiniStack", function] <= NEEDED[function]
    assert calls.answered["MiniStack", "deploy"] and calls.answered["MiniStack", "heal"]


def test_the_page_says_so(calls, request):
    written = page(NEEDED, calls)
    if request.config.getoption("--write-page"):
        PAGE.write_text(written)
    assert PAGE.read_text() == written, "docs/conformance.md is not what was seen: run `make conformance-page`"
