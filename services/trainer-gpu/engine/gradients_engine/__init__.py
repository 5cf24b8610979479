"""The training and evaluation engine that a trainer-gpu agent runs as a child process."""

ENGINE_VERSION = "0.1.0"
