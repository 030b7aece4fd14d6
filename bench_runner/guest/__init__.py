"""The only code of ours that runs inside the sandbox, beside the submission. It has no authority: see
channel.py."""
