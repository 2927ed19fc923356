"""CIDEr-D, as pycocoevalcap computes it, over a whole corpus at once.

Vedantam, Zitnick, Parikh, "CIDEr: Consensus-based Image Description Evaluation" (CVPR 2015): tf-idf vectors of 1- to
4-grams, their cosine with clipped counts, a Gaussian penalty on the difference of lengths (sigma 6), times 10. Document
frequencies come from the references of the corpus itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

ORDERS = 4
SIGMA = 6.0
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def cider(candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> Floats:
    """A score of each candidate, in [0, 10]; the corpus score is their mean. Texts are lists of tokens.

    One sample alone scores 0, for every idf is then log 1.

    Raises:
        ValueError: there are not as many candidates as groups of references, or a group is empty.
    """
    if len(candidates) != len(references):
        raise ValueError(f"{len(candidates)} candidates for {len(references)} groups of references.")
    if any(not group for group in references):
        raise ValueError("Every candidate needs a reference.")
    if not candidates:
        return np.zeros(0)
    groups = np.repeat(np.arange(len(references)), [len(group) for group in references])
    texts = [*candidates, *chain.from_iterable(references)]
    words, num_words = _word_ids(texts), np.array([len(text) for text in texts], dtype=np.int64)
    totals = np.zeros(len(groups))
    log_corpus = np.log(float(len(references)))
    for order in range(1, ORDERS + 1):
        totals += _similarities(*_ngrams(words, num_words, order), len(candidates), groups, log_corpus)
    lengths = np.maximum(0, num_words - 1)  # as the original counts them: bigrams
    difference = lengths[groups] - lengths[len(candidates) :]
    totals *= np.exp(-(difference**2) / (2 * SIGMA**2))
    sums = np.bincount(groups, totals, minlength=len(candidates))
    return 10.0 * sums / ORDERS / np.bincount(groups, minlength=len(candidates))


def _word_ids(texts: Sequence[Sequence[str]]) -> Ints:
    """All words of all texts, one text after the other, as numbers."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys(chain.from_iterable(texts)))}
    return np.fromiter(map(numbers.__getitem__, chain.from_iterable(texts)), dtype=np.int64)


def _ngrams(flat: Ints, lengths: Ints, order: int) -> tuple[Ints, Ints, Ints]:
    """(text, n-gram, count) of every distinct n-gram of every text, sorted by text and then by n-gram."""
    owners = np.repeat(np.arange(len(lengths)), lengths)
    ids = flat
    for shift in range(1, order):  # an n-gram's number is that of the pair of its first n - 1 words and its last
        pairs = ids[:-1] * (int(flat.max(initial=0)) + 1) + flat[shift : shift + len(ids) - 1]
        ids = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
    within = owners[: len(ids)] == owners[order - 1 : order - 1 + len(ids)]
    ids, owners = ids[within], owners[: len(within)][within]
    width = int(ids.max(initial=0)) + 1
    keys, counts = np.unique(owners * width + ids, return_counts=True)
    return keys // width, keys % width, counts.astype(np.int64)


def _distinct(values: Ints) -> Ints:
    """Sorted, each once. numpy's own `unique` hashes, which takes many times as long on keys that nearly are sorted."""
    ordered = np.sort(values)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered


def _similarities(
    owners: Ints, grams: Ints, counts: Ints, num_candidates: int, groups: Ints, log_corpus: float
) -> Floats:
    """Clipped cosine of each reference with the candidate of its group, for one order of n-grams."""
    if not len(owners):
        return np.zeros(len(groups))
    width = int(grams.max()) + 1
    is_reference = owners >= num_candidates
    pairs = _distinct(groups[owners[is_reference] - num_candidates] * width + grams[is_reference])
    frequency = np.bincount(pairs % width, minlength=width).astype(np.float64)
    weights = counts * (log_corpus - np.log(np.maximum(1.0, frequency)))[grams]
    norms = np.sqrt(np.bincount(owners, weights**2, minlength=num_candidates + len(groups)))
    reference, gram, weight = owners[is_reference], grams[is_reference], weights[is_reference]
    candidate_keys = owners[~is_reference] * width + grams[~is_reference]
    wanted = groups[reference - num_candidates] * width + gram
    place = np.searchsorted(candidate_keys, wanted)
    place[place == len(candidate_keys)] = 0
    shared = candidate_keys[place] == wanted if len(candidate_keys) else np.zeros(len(wanted), dtype=bool)
    hypothesis = weights[~is_reference][place[shared]]
    products = np.minimum(hypothesis, weight[shared]) * weight[shared]
    dots = np.bincount(reference[shared] - num_candidates, products, minlength=len(groups))
    scale = norms[groups] * norms[num_candidates:]
    return np.divide(dots, scale, out=np.zeros_like(dots), where=scale != 0)
