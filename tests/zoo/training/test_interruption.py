import os
import signal
import threading

import pytest

from zoo.errors import RunInterruptedError
from zoo.training.interruption import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_sets_the_flag_and_the_advice_follows(number):
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        with pytest.raises(RunInterruptedError, match=number.name) as caught:
            stop.leave("do this next")
    assert caught.value.hint == "do this next"


def test_a_process_that_got_no_signal_says_that_another_one_did():
    with stop_on_signals() as stop, pytest.raises(RunInterruptedError, match="another process"):
        stop.leave("")


def test_the_second_interrupt_acts_at_once():
    # A shell has what it starts in the background ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with stop_on_signals():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_handlers_are_given_back():
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signals():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_is_left_alone():
    raised = []

    def work():
        with stop_on_signals() as stop:
            raised.append(stop.signal)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert raised == [None]
