"""A study makes what is missing, keeps what is made, and says what it found."""

import json
import signal

import pytest

from experiments.runner import progress, records, study
from experiments.runner.stopping import StopRequest
from ganstab.style import panels

GOES_ON = StopRequest([])


class Lines:
    """A study of two exhibits that counts what it makes."""

    def __init__(self, during=lambda: None):
        self.made = []
        self.study = study.Study(
            "Lines & <more>",
            "What lines do.",
            {name: self.exhibit(name, during) for name in ("one", "two")},
        )

    def exhibit(self, name, during):
        def make():
            self.made.append(name)
            during()
            figure, axes = panels()
            axes[0, 0].plot([0, 1], [0, 1])
            right = records.checked("slope", 1.0, expected=1.0, tolerance=0.0, source="line")
            wrong = records.checked("root", 2 - 1j, expected=2 + 1j, tolerance=1.9, reading="why")
            return study.Exhibit(figure, f"caption of {name}", (right, wrong))

        make.__doc__ = f"Heading of {name}.\n\nMore."
        return make


def make(lines, folder, stop=GOES_ON, only=()):
    (folder / "figures").mkdir(exist_ok=True)
    study.make(lines.study, folder, {"seed": 0}, progress.Progress(2), stop, only)
    return json.loads((folder / "result.json").read_text()), (folder / "report.html").read_text()


def test_all_is_made_shown_and_kept(tmp_path, capsys):
    result, page = make(Lines(), tmp_path)
    assert result["status"] == "finished" and not result["missing"]
    assert page.count("data:image/png;base64,") == 2 and "Lines &amp; &lt;more&gt;" in page
    assert "Heading of one" in page and "caption of two" in page and "Finished." in page
    shown = capsys.readouterr()
    assert "slope: 1; agrees to 0" in shown.out and "2 of 2: Heading of two" in shown.err
    assert "root: 2 − 1i; DIFFERS by 2; why" in shown.out
    again = Lines()
    assert make(again, tmp_path)[0]["exhibits"] == ["one", "two"] and not again.made


def test_only_what_is_asked_for_then_the_rest(tmp_path):
    lines = Lines()
    result, page = make(lines, tmp_path, only=["two"])
    assert result["missing"] == ["one"] and "1 of 2 pictures" in page and lines.made == ["two"]
    assert make(lines, tmp_path)[0]["exhibits"] == ["one", "two"] and lines.made == ["two", "one"]


def test_a_signal_ends_it_after_the_exhibit_at_work(tmp_path):
    stop = StopRequest([])
    lines = Lines(during=lambda: stop.received.append(signal.SIGTERM))
    assert make(lines, tmp_path, stop)[0]["missing"] == ["two"] and lines.made == ["one"]


@pytest.mark.parametrize("damage", ["figures/one.png", "exhibits/one.json"])
def test_what_is_lost_is_made_again(tmp_path, damage):
    lines = Lines()
    make(lines, tmp_path)
    (tmp_path / damage).unlink()
    assert make(lines, tmp_path)[0]["status"] == "finished" and lines.made == ["one", "two", "one"]
