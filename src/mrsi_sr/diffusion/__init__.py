"""The diffusion chain: its noise schedule, in plain numbers and as tensors."""
