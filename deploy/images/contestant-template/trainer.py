"""A training program that follows docs/contestants.md: plain LoRA. Take it as a start, and make it better.

`python trainer.py serve --socket /work/run/engine.sock` is how the platform starts it. Rows become tokens by the
platform's `gradients_engine.data`, so that what is trained is what is scored; all else is torch, transformers and peft.
"""

import argparse
import json
import os
import resource
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

STOPPED = 75


class Agent:
    """The platform's side of the socket."""

    def __init__(self, path: str, seconds: float = 120.0) -> None:
        self.stopping = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: self.stopping.set())
        self._socket = self._connect(path, time.monotonic() + seconds)
        self._lines = self._socket.makefile("rb")
        self._done = False
        self.task: dict[str, Any] = json.loads(self._lines.readline() or sys.exit("the agent is gone"))
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, type_: str, **fields: Any) -> None:
        self._socket.sendall(json.dumps({"type": type_, **fields}, allow_nan=False).encode() + b"\n")

    def end(self, code: int) -> int:
        self._done = True
        self.say("exit", code=code)
        return code

    def _listen(self) -> None:
        for line in self._lines:
            if json.loads(line) == {"stop": "term"}:
                self.stopping.set()
        if not self._done:
            os._exit(1)  # nobody wants the work any more

    @staticmethod
    def _connect(path: str, deadline: float) -> socket.socket:
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(path)
                return connection
            except OSError:
                connection.close()
                if time.monotonic() > deadline:
                    sys.exit(f"no agent listens on {path}")
                time.sleep(0.2)


class Training:
    """Batches in a shuffled order until the budget is used up."""

    def __init__(self, spec: dict[str, Any], agent: Agent) -> None:
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.spec, self.agent, self.torch = spec, agent, torch
        settings = spec["settings"]
        torch.manual_seed(spec["seed"])
        torch.set_num_threads(spec["threads"])
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.examples = self._read(AutoTokenizer.from_pretrained(spec["model_dir"]))
        base = AutoModelForCausalLM.from_pretrained(spec["model_dir"], dtype=torch.float32).to(self.device)
        rank = settings.get("lora", {}).get("rank", 8)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
        self.model = get_peft_model(base, config)
        self.model.train()
        self.trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(self.trained.values(), lr=settings["learning_rate"], weight_decay=0.0)
        self.batch_size = settings.get("batch_size", 4)
        self.step, self.seen, self.tokens, self.seconds, self.loss = 0, 0, 0, 0.0, 0.0
        if spec["resume_from"]:
            self._resume(Path(spec["resume_from"]))

    def run(self) -> bool:
        """False when it was asked to stop."""
        last_saved = last_told = time.monotonic()
        while not self._is_over():
            if self.agent.stopping.is_set():
                self.save_checkpoint()
                return False
            self._step()
            now = time.monotonic()
            if self.step == 1 or now - last_told > 0.25:
                self._tell()
                last_told = now
            if now - last_saved > self.spec["checkpoint_every_seconds"]:
                self.save_checkpoint()
                last_saved = time.monotonic()
        return True

    def save_result(self) -> None:
        output = Path(self.spec["output_dir"])
        self.model.save_pretrained(output)
        (output / "README.md").unlink(missing_ok=True)  # peft's; only what the scorer reads may be there
        share(output)

    def save_checkpoint(self) -> None:
        """Adapters and progress. The optimizer starts anew after a resume: the first thing to improve."""
        from safetensors.torch import save_file

        folder = Path(self.spec["checkpoint_dir"]) / str(self.step)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: parameter.detach().cpu().contiguous() for name, parameter in self.trained.items()}
        save_file(weights, folder / "weights.safetensors")
        state = {"step": self.step, "seen": self.seen, "tokens": self.tokens, "seconds": self.seconds}
        (folder / "state.json").write_text(json.dumps(state))
        share(folder)
        self.agent.say("checkpoint", dir=str(folder), step=self.step, train_seconds=self.seconds)

    def result(self) -> dict[str, Any]:
        return {
            "kind": "train",
            "steps": self.step,
            "examples": self.seen,
            "tokens": self.tokens,
            "train_seconds": self.seconds,
            "final_loss": self.loss,
            "trainable_parameters": sum(p.numel() for p in self.trained.values()),
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "rows_without_completion": self.rows - len(self.examples),
            "engine_version": "contestant-template",
            "device": self.device,
        }

    def _read(self, tokenizer: Any) -> list[Any]:
        from gradients_engine.data import Encoder, read_rows
        from gradients_engine.spec import Columns

        spec = self.spec
        rows = read_rows(Path(spec["train_file"]), spec["format"], Columns(**spec["columns"]))
        self.rows = len(rows)
        encoder = Encoder(tokenizer, spec["max_length"])
        return [e for e in map(encoder.example, rows) if e.completion_tokens and not e.truncated]

    def _is_over(self) -> bool:
        mean = self.seconds / self.step if self.step else 0.0
        limit = self.spec["max_steps"]
        return self.seconds + mean > self.spec["budget_seconds"] or (limit is not None and self.step >= limit)

    def _step(self) -> None:
        started = time.monotonic()
        ids, labels = self._batch()
        loss = self.model(input_ids=ids, labels=labels).loss
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.loss = float(loss.detach())
        self.step += 1
        self.seconds += time.monotonic() - started

    def _batch(self) -> tuple[Any, Any]:
        """Rows padded on the right: in causal attention no row sees its padding, and no loss counts there."""
        order = self.torch.Generator().manual_seed(self.spec["seed"] + self.step)
        chosen = self.torch.randint(len(self.examples), (self.batch_size,), generator=order)
        batch = [self.examples[index] for index in chosen]
        width = max(len(example.ids) for example in batch)
        ids = self.torch.zeros(len(batch), width, dtype=self.torch.long)
        labels = self.torch.full((len(batch), width), -100)
        for row, example in enumerate(batch):
            tokens = self.torch.tensor(example.ids.tolist())
            counts = self.torch.tensor(list(example.targets), dtype=self.torch.bool)
            ids[row, : len(tokens)] = tokens
            labels[row, : len(tokens)][counts] = tokens[counts]
            self.tokens += len(tokens)
        self.seen += len(batch)
        return ids.to(self.device), labels.to(self.device)

    def _tell(self) -> None:
        self.agent.say(
            "progress",
            step=self.step,
            total_steps=self.spec["max_steps"],
            examples=self.seen,
            tokens=self.tokens,
            loss=self.loss,
            learning_rate=self.spec["settings"]["learning_rate"],
            tokens_per_second=self.tokens / max(self.seconds, 1e-9),
            train_seconds=self.seconds,
            eta_seconds=max(0.0, self.spec["budget_seconds"] - self.seconds),
        )

    def _resume(self, folder: Path) -> None:
        from safetensors.torch import load_file

        for name, weights in load_file(folder / "weights.safetensors").items():
            self.trained[name].data.copy_(weights)
        state = json.loads((folder / "state.json").read_text())
        self.step, self.seen, self.tokens, self.seconds = (state[key] for key in ("step", "seen", "tokens", "seconds"))


def share(folder: Path) -> None:
    """The agent is another user of our group, and safetensors makes its files for their owner alone."""
    for path in folder.iterdir():
        path.chmod(0o660)


def serve(path: str) -> int:
    agent = Agent(path)
    os.umask(0o007)
    os.chdir(agent.task["workDir"])
    os.environ["OMP_NUM_THREADS"] = str(agent.task["threads"])
    try:
        agent.say("phase", phase="loading")
        training = Training(json.loads(Path("spec.json").read_text()), agent)
        agent.say("phase", phase="training")
        if not training.run():
            return agent.end(STOPPED)
        agent.say("phase", phase="saving")
        training.save_result()
        agent.say("result", **training.result())
        return agent.end(0)
    except Exception as error:
        # The platform's own reader names what is wrong with a row; anything else gives another try.
        agent.say("error", code=getattr(error, "code", "INTERNAL"), message=f"{type(error).__name__}: {error}"[:2000])
        return agent.end(70)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("--socket", required=True, help="Unix socket on which the platform's agent listens")
    return serve(parser.parse_args().socket)


if __name__ == "__main__":
    sys.exit(main())
