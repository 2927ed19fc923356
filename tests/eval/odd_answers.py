# ruff: noqa: E501  (a table)
"""Two hundred odd answers to multiple-choice questions, with what a person reads in them; None: no option is meant."""

from __future__ import annotations

PETS = ("a cat", "a dog", "a bird", "a fish")
COUNTS = ("2", "3", "4", "5")
MOVES = ("The man moves left.", "The man moves right.", "The man moves left and then right.", "The man stands still.")
SIDES = ("A", "the left side", "the right side", "I do not know")
LETTERS_ALONE = ()

READ: tuple[tuple[tuple[str, ...], str | None, tuple[str, ...]], ...] = (
    (PETS, "A", ("A", "a", "(A)", "(a)", "A)", "a)", "A.", "a.", "A:", "A,", "[A]", "{A}", "<A>", '"A"', "'A'", "“A”",
                 "`A`", "*A*", "**A**", "**A.**", "__A__", " A ", "\nA\n", "\tA", "A\n\nBecause it purrs.", "A;", "A-",
                 "A - a cat", "A – a cat", "A) a cat", "(A) a cat", "A. a cat", "A: a cat", "A a cat", "Ａ", "（A）", "A。",
                 "Answer: A", "answer: a", "ANSWER: A", "Answer:A", "Answer: (A)", "Answer is A", "The answer is A.",
                 "the answer is a", "The answer is (A).", "The answer is: A", "The correct answer is A", "Correct answer: A",
                 "Option A", "option a", "Option (A)", "Choice A", "I choose A", "I pick A.", "I would go with A",
                 "My answer is A", "A is correct", "(A) is the correct answer", "A is the right answer.",
                 "Final answer: A", "Final answer: **A**", "### Answer: A", "\\boxed{A}", "The answer is $\\boxed{A}$.",
                 "\\boxed{\\text{A}}", "<answer>A</answer>", "<answer> (A) </answer>", '{"answer": "A"}',
                 "{'answer': 'A'}", '{"answer": "A", "why": "it purrs"}', "<think>B or C?</think>A",
                 "<think>It could be a dog.</think> Answer: A", "maybe B</think>A")),
    (PETS, "A", ("a cat", "A cat", "A cat.", "cat", "Cat", "CAT", "the cat", "It is a cat.", "I see a cat.",
                 "The video shows a cat on a sofa that sleeps.", "1", "1.", "1)", "(1)", "#1", "①", "1. a cat",
                 "The answer is a cat.")),
    (PETS, "B", ("B", "b", "(B)", "B)", "B. a dog", "B a dog", "Answer: B", "The answer is B", "Answer: B) a dog",
                 "Based on the video, the answer is B.", "Based on the video, the correct option is (B).",
                 "The best choice is B", "The most likely answer is B.", "Answer -> B", "Answer = B", "**Answer:** B",
                 "Option B: a dog", "I think (B)", "I think it's B", "I believe the answer is B", "It must be B.",
                 "Not A, but B", "Not (A). The answer is B.", "It is not A. It is B.", "B, because it barks",
                 "B because it barks", "B (a dog)", "B/ a dog", "B | a dog", "So the answer should be B.",
                 "Therefore, B.", "Thus the answer is option B.", "The letter is B", "2", "2.", "(2)", "② ", "2) a dog",
                 "dog", "A dog", "A dog runs.", "A dog is running over the grass.", "a dog!", "It's a dog",
                 "The animal in the video is a dog.", "a  dog", "A DOG", "the answer is a dog", "Answer: a dog",
                 "ASSISTANT: Answer: (B", "Answer: (B", "(B", "The answer is B, a dog.",
                 "The answer is A. Wait, the answer is B.", "A cat would meow, so the answer is B.")),
    (PETS, "C", ("C", "c.", "C.a bird", "C.\na bird", "Best option: (C)", "Best option: (C", "The answer: C", "Answer C",
                 "I'd say C.", "Selected option: C", "I select C", "choose C", "3", "third: C", "a bird", "bird.")),
    (PETS, "D", ("D", "d)", "(d)", "D.", "The correct option is D", "Option D is correct", "(D) is right",
                 "D is most likely correct", "4", "fish", "A fish swims.", "{'option': 'D'}", "<choice>D</choice>")),
    (PETS, None, ("", " ", "\n", "()", "( )", ".", "-", "?", "<error>", "None", "N/A", "none", "Unknown", "0", "7", "12",
                  "-1", "E", "F", "(E)", "Z", "Answer: E", "The answer is unclear.", "I cannot determine the answer.",
                  "None of the above", "None of these.", "All of the above", "A and B", "A or B", "(A) or (B)", "A, B",
                  "A/B", "B & C", "Answer: A or C", "cat and dog", "a cat or a dog", "I don't know", "It depends.",
                  "A man is running.", "I am not sure.", "Something else", "È", "Ж", "選", "😀", "yes", "no",
                  "The video shows a horse.", "<think>B</think>", "{}", '{"answer": null}', "[]")),
    (COUNTS, "A", ("A", "2", "2.", "two: A", "(A) 2", "A. 2", "The answer is 2", "There are 2 of them", "1)")),
    (COUNTS, "B", ("3", "B", "(B)", "3 times", "Answer: 3", "B: 3")),
    (COUNTS, "D", ("5", "D) 5", "5.")),
    (MOVES, "A", ("The man moves left.", "the man moves left", "A", "A. The man moves left.", "The man moves left")),
    (MOVES, "C", ("The man moves left and then right.", "C. The man moves left and then right.", "(C)", "C")),
    (MOVES, "D", ("The man stands still", "The man stands still.", "D")),
    (SIDES, "B", ("the left side", "on the left side", "left side", "B")),
    (SIDES, "D", ("I do not know", "D", "I do not know.")),
    (LETTERS_ALONE, "B", ("B", "(B)", "b.", "Answer: B", "2", "B. something", "The correct option is (B).")),
    (LETTERS_ALONE, None, ("", "something", "A man walks.", "9", "Q")),
)  # fmt: skip
