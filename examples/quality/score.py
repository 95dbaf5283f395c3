"""Scores speech with PESQ (ITU-T P.862, narrow band, as MOS-LQO of P.862.1).

Reads lines `REFERENCE<tab>HEARD`, files of 16-bit samples at 8 kHz, and prints one score a line in the same order.
Where PESQ finds no speech in what was heard, the score is the lowest there is.
"""

import multiprocessing
import sys

import numpy
from pesq import PesqError, pesq

LOWEST = 1.0


def score(line):
    reference, heard = (numpy.fromfile(path, dtype="<i2") for path in line.rstrip("\n").split("\t"))
    if not heard.any():
        return LOWEST
    result = pesq(8000, reference, heard, "nb", on_error=PesqError.RETURN_VALUES)
    return LOWEST if result < LOWEST else result


if __name__ == "__main__":
    with multiprocessing.Pool() as pool:
        for result in pool.imap(score, sys.stdin.readlines(), chunksize=4):
            print(f"{result:.4f}")
