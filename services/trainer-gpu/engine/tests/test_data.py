import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradients_engine.data import Encoder, Example, read_rows
from gradients_engine.errors import EngineError
from gradients_engine.spec import Columns

INSTRUCT = Columns(instruction="question", output="answer", input="extra", system="system")
CHAT = Columns(messages="talk")

Write = Callable[[list[Any]], Path]


def completions(tokenizer: Any, example: Example) -> list[str]:
    """The runs of target tokens as text."""
    runs: list[list[int]] = []
    for at, token in enumerate(example.ids):
        if example.targets[at]:
            if at == 0 or not example.targets[at - 1]:
                runs.append([])
            runs[-1].append(token)
    return [tokenizer.decode(run) for run in runs]


def test_instruct_rows_become_one_turn_and_only_the_answer_counts(tokenizer: Any, write_rows: Write) -> None:
    row = {"question": "What?", "extra": "a crane", "answer": "The crane.", "system": "Be short.", "row": 41}
    (read,) = read_rows(write_rows([row]), "instruct", INSTRUCT)
    example = Encoder(tokenizer, 128).example(read)
    assert example.row == 41
    assert completions(tokenizer, example) == ["The crane.<|im_end|>"]
    assert tokenizer.decode(list(example.ids)) == (
        "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nWhat?\n\na crane<|im_end|>\n"
        "<|im_start|>assistant\nThe crane.<|im_end|>"
    )


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_empty_optional_columns_leave_no_trace(tokenizer: Any, write_rows: Write, empty: str | None) -> None:
    row = {"question": "What?", "extra": empty, "system": empty, "answer": 7}
    (read,) = read_rows(write_rows([row]), "instruct", INSTRUCT)
    assert read.messages == ({"role": "user", "content": "What?"}, {"role": "assistant", "content": "7"})


def test_every_assistant_turn_counts_in_both_spellings(tokenizer: Any, write_rows: Write) -> None:
    talk = [("user", "One?"), ("assistant", "Bread."), ("user", "Two?"), ("assistant", "River.")]
    openai = [{"role": role, "content": text} for role, text in talk]
    sharegpt = [{"from": {"user": "human", "assistant": "gpt"}[role], "value": text} for role, text in talk]
    rows = read_rows(write_rows([{"talk": openai}, {"talk": sharegpt}]), "chat", CHAT)
    first, second = (Encoder(tokenizer, 128).example(row) for row in rows)
    assert completions(tokenizer, first) == ["Bread.<|im_end|>", "River.<|im_end|>"]
    assert (first.ids, first.targets) == (second.ids, second.targets)


def test_prompts_are_tokenized_as_in_use(tokenizer: Any, write_rows: Write) -> None:
    row = {"question": "What?", "answer": " the crane"}
    (read,) = read_rows(write_rows([row]), "instruct", INSTRUCT)
    encoder = Encoder(tokenizer, 128)
    prompt = encoder.prompt([{"role": "user", "content": "What?"}])
    assert list(encoder.example(read).ids[: len(prompt)]) == prompt


def test_long_rows_are_cut_and_say_so(tokenizer: Any, write_rows: Write) -> None:
    (read,) = read_rows(write_rows([{"question": "very " * 50, "answer": "a"}]), "instruct", INSTRUCT)
    example = Encoder(tokenizer, 20).example(read)
    assert (len(example.ids), example.truncated, example.completion_tokens) == (20, True, 0)


def test_rows_that_the_template_refuses_teach_nothing(tokenizer: Any, write_rows: Write) -> None:
    strict = copy.deepcopy(tokenizer)
    refusal = "{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    strict.chat_template = f"{{% for m in messages %}}{refusal}{{{{ m.content }}}}{{% endfor %}}"
    talk = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    refused, taken = read_rows(write_rows([{"talk": talk}, {"talk": talk[1:]}]), "chat", CHAT)
    encoder = Encoder(strict, 64)
    assert len(encoder.example(refused).ids) == 0
    assert encoder.example(taken).completion_tokens > 0


@pytest.mark.parametrize(
    ("format_", "row", "complaint"),
    [
        ("instruct", {"answer": "a", "row": 9}, "row 9: column 'question' is missing"),
        ("instruct", {"question": "q", "answer": " ", "row": 9}, "row 9: column 'answer' is empty"),
        ("instruct", {"question": ["q"], "answer": "a", "row": 9}, "row 9: column 'question' is not text"),
        ("instruct", [1], "line 1: expected an object"),
        ("chat", {"talk": [], "row": 9}, "row 9: column 'talk' holds no list"),
        ("chat", {"talk": [{"role": "user", "content": "x"}], "row": 9}, "no assistant message"),
        ("chat", {"talk": [{"role": "wizard", "content": "x"}], "row": 9}, r"talk\[0\]: unknown role 'wizard'"),
        ("chat", {"talk": [{"role": "user", "content": None}], "row": 9}, r"talk\[0\]: empty or missing content"),
    ],
)
def test_bad_rows_are_named(write_rows: Write, format_: Any, row: Any, complaint: str) -> None:
    with pytest.raises(EngineError, match=complaint) as caught:
        read_rows(write_rows([row]), format_, CHAT if format_ == "chat" else INSTRUCT)
    assert caught.value.code == "DATA_INVALID"


def test_bad_files_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "a", "answer": "b"}\n{"question": \n')
    with pytest.raises(EngineError, match="line 2: not JSON"):
        read_rows(path, "instruct", INSTRUCT)
    path.write_bytes(b'{"question": "\xff"}\n')
    with pytest.raises(EngineError, match="not UTF-8"):
        read_rows(path, "instruct", INSTRUCT)
    path.write_text("\n")
    with pytest.raises(EngineError, match="holds no rows"):
        read_rows(path, "instruct", INSTRUCT)


def test_a_model_without_a_chat_template_is_refused(tokenizer: Any) -> None:
    class Bare:
        chat_template = None

    with pytest.raises(EngineError, match="no chat template"):
        Encoder(Bare(), 128)
