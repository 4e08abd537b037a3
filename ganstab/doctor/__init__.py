"""Says in plain words what is wrong with a training run or a game, and which remedies act on it.

    python -m ganstab.doctor RUN

From Python, on a game and a training state:

    subject = doctor.Subject(game, make_step, train_state, batches, batch)
    examination = doctor.examine(subject)
    for finding in doctor.diagnose(examination).findings:
        print(finding.topic, finding.words, finding.remedy)
"""

from ganstab.doctor.diagnosis import Report, diagnose
from ganstab.doctor.examination import Examination, examine
from ganstab.doctor.finding import Finding
from ganstab.doctor.run import Record, read_record
from ganstab.doctor.subject import Subject

__all__ = [
    "Examination",
    "Finding",
    "Record",
    "Report",
    "Subject",
    "diagnose",
    "examine",
    "read_record",
]
