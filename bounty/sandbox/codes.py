"""Everything a participant may be told about a submission that could not be judged.

A code has one fixed sentence. On the public sample a detail may be added: one of our own sentences with facts
filled in. What a model printed or raised is never among them; it goes to the log, which organisers see.
"""

FORMATS = ("rule", "onnx", "skops", "python")

REJECTIONS = {
    "unreadable_model": (
        "The file could not be read in the chosen format. Choose its format, or save it again and load "
        "it once on your side."
    ),
    "rule_error": "The rule could not be used. Write one condition on the visible columns, as after WHERE.",
    "wrong_inputs": (
        "The model asks for other inputs than the visible columns. Give it one input of shape [N, 1] per"
        " column, named like the column, or one float input of shape [N, columns]."
    ),
    "wrong_output_shape": (
        "The model must give one answer per row: an array of shape [N] or [N, 1] as its first output. A "
        "predictor of labels may give a probability for each of them: [N, labels]."
    ),
    "unknown_labels": (
        "The predictor answers with labels that this bounty does not know. Answer one of its labels for "
        "every row, or one probability for each of them."
    ),
    "not_a_number": "The predictor must answer with a number for every row.",
    "not_a_probability": (
        "The answers must be probabilities: between 0 and 1 and, where there is one for each label, adding "
        "up to 1."
    ),
    "rule_predicts_labels": (
        "A rule can predict one of two labels only. Send a constant or a model for this bounty."
    ),
    "not_zero_or_one": (
        "The answers must be 1 for rows in the group and 0 for the others (or true and false)."
    ),
    "has_missing_answers": (
        "Some answers are missing (NaN, None or empty) or infinite. Answer for every row, also where columns "
        "are missing."
    ),
    "too_many_labels": "The model gives too many different answers, or too long ones, to be labels.",
    "forbidden_operator": (
        "The ONNX model uses an operator that is not taken. Export it without loops, random numbers, "
        "functions of its own and operators outside the domains '' and ai.onnx.ml."
    ),
    "external_data": "The ONNX model keeps tensors in other files. Save it as one file.",
    "forbidden_type": (
        "The skops file holds types that are not taken. Build the model from the estimators on the list "
        "in the documentation, without functions of your own."
    ),
    "no_predict": "The Python text must define a function predict(frame).",
    "model_error": (
        "The model raised an error while it was loaded or run. Run it on the public sample, also in "
        "small batches, on your side."
    ),
    "crashed": "The model's process ended before it gave one complete answer.",
    "too_large": "The model is too large, as a file or unpacked. Make it smaller.",
    "too_slow": "The model ran longer than the bounty allows.",
    "too_much_memory": "The model used more memory than the bounty allows.",
    "too_much_output": "The model wrote too much. Do not print in it.",
    "format_not_available": (
        "This server cannot take models of this format. Submit a rule or an ONNX model."
    ),
    "group_is_empty": "No row of the public sample is in the group.",
    "group_is_everything": (
        "Every row of the public sample is in the group. A group must leave some rows out."
    ),
    "not_deterministic": (
        "The model gave different answers for the same rows. Fix its seeds or take the randomness out."
    ),
    "depends_on_other_rows": (
        "The answer for a row changes with the other rows or with their order. Each row must be judged "
        "by its own columns alone."
    ),
    "failed_on_hidden_rows": (
        "The model ran on the public sample but failed on the hidden rows. They may hold values the "
        "sample does not: missing numbers, unseen categories, larger values."
    ),
}

DETAILS = {
    "rule": "{}",
    "too_long": "It has {} bytes; {} are allowed.",
    "unpacked": "Unpacked it has {} bytes; {} are allowed.",
    "input_name": "It asks for {}; the columns are {}.",
    "input_count": "It has {} inputs for {} columns.",
    "input_type": "Input {} is of type {}; {} was expected.",
    "input_shape": "Input {} has the shape {}; {} was expected.",
    "input_text": "It takes one array of numbers, but these columns are text: {}.",
    "input_missing": "Input {} takes whole numbers, but its column has missing values or fractions.",
    "output_shape": "For {} rows the shape is {}.",
    "output_type": "Its first output is of type {}.",
    "no_decimals": "It has no output of decimal numbers, only {}. Export a classifier with zipmap off.",
    "no_chances": "It is a classifier without predict_proba.",
    "answers": "It answers with {}.",
    "labels": "It answers with {}; the labels are {}.",
    "not_finite": "{} of {} rows have an answer that is missing or infinite.",
    "range": "The answers lie between {} and {}.",
    "sums": "A row's probabilities add up to {}.",
    "missing": "{} of {} answers are missing.",
    "operator": "It uses {}.",
    "types": "Not taken: {}.",
    "batches": "It fails when the sample comes in smaller batches.",
    "seconds": "It was stopped after {} seconds.",
}

DETAIL_CHARACTERS = 300
FACT_CHARACTERS = 160


class Rejected(Exception):
    """The author's to mend. `detail` may be shown to them, `log` only to organisers."""

    def __init__(self, code: str, detail: str = "", *, log: str = "", on_hidden: bool = False) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.log = log
        self.on_hidden = on_hidden


class SandboxFailure(Exception):
    """Ours: to be logged and tried again, never counted against the author."""


def detail(key: str, facts: list[str]) -> str:
    """Our sentence with its facts, safe to print: a hostile model may have chosen them."""
    template = DETAILS.get(key, "")
    if not template or len(facts) != template.count("{}"):
        return ""
    limit = DETAIL_CHARACTERS if key == "rule" else FACT_CHARACTERS
    return shorten(template.format(*(shorten(fact, limit) for fact in facts)), DETAIL_CHARACTERS)


def shorten(text: str, limit: int) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"
