"""A pretended GPU: tensors of the device ``meta``, which have shapes and no values.

As on a GPU, what mixes its memory with the machine's fails. What would wait for a GPU is noted: to
take a value from there, or to send one that is not pinned.
"""

import traceback
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GPU = torch.device("meta")

_aten = torch.ops.aten
_OPTIMISERS = {_aten._fused_adam_.default, _aten._fused_sgd_.default}


class PretendedGpu(TorchDispatchMode):
    """Within it, values that are taken from the GPU are ones.

    Attributes:
        waits: the project's functions that made the processor wait, innermost first of each.
        called: the operators that were called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits = list[str]()
        self.called = set[Any]()
        self._pinned = list[Tensor]()

    def pinned(self, values: Tensor, device: torch.device) -> Tensor:
        """Stand for :func:`pkdn.training.rows.pinned`."""
        assert device == GPU
        self._pinned.append(values)
        return values

    def __torch_dispatch__(
        self, func: Any, types: object, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        self.called.add(func)
        if func is _aten._local_scalar_dense.default and args[0].is_meta:
            self._wait()
            return True if args[0].dtype == torch.bool else 1
        if func is _aten._to_copy.default:
            return self._moved(func, args[0], options)
        if func in _OPTIMISERS:
            return None
        if torch.is_inference_mode_enabled():  # there operators come before they are taken apart
            with self:
                found = func.decompose(*args, **options)
            if found is not NotImplemented:
                return found
        places = {
            leaf.device.type
            for leaf in tree_leaves((args, options))
            if isinstance(leaf, Tensor) and (leaf.dim() or leaf.is_meta)
        }
        assert len(places) < 2, f"{func} reads tensors in {places}: {_functions()}"
        return func(*args, **options)

    def _moved(self, func: Callable[..., Any], values: Tensor, options: dict[str, Any]) -> Any:
        target = torch.device(options.get("device") or values.device)
        if target == values.device:
            return func(values, **options)
        is_pinned = any(values is one for one in self._pinned)
        if values.is_meta or not (is_pinned and options.get("non_blocking")):
            self._wait()
        if values.is_meta:
            return torch.ones(values.shape, dtype=options.get("dtype") or values.dtype)
        return func(values, **options)

    def _wait(self) -> None:
        self.waits.append(_functions()[0])


def _functions() -> list[str]:
    """Return which functions of the project are running, the innermost first."""
    codes = (frame.f_code for frame, _ in traceback.walk_stack(None))
    own = (code.co_name for code in codes if "/pkdn/" in code.co_filename)
    return [name for name in own if not name.startswith("<")]
