"""What would a person want to see of a data set: one HTML page, its findings as JSON, and a data card."""

from blurdata.report.card import write_card
from blurdata.report.found import Report
from blurdata.report.write import write_report

__all__ = ["Report", "write_card", "write_report"]
