import os
import sys
import warnings

# Weights and data come as files; nothing here may ask a network for more.
for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
    os.environ[name] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
# transformers warns of a name that it uses itself.
warnings.filterwarnings("ignore", ".is_gradient_checkpointing.", FutureWarning)
# Importing torch and transformers costs three times as much without their compiled files.
sys.dont_write_bytecode = False

from gradients_engine.cli import main  # noqa: E402

code = main()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)  # everything is written; taking ten thousand modules apart would take a second
