# SPDX-License-Identifier: GPL-3.0-or-later
"""An ONNX graph under construction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class OnnxGraph:
    """Collects nodes and constants. Names are numbered in order of creation, so the same steps give the same bytes."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int], kind: int = TensorProto.UINT8) -> str:
        """Declare an input of shape (N, *shape) and return its name."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, ["N", *shape]))
        return name

    def output(self, name: str, source: str, shape: Sequence[int]) -> None:
        """Declare the float output `name` of shape (N, *shape)."""
        self._nodes.append(helper.make_node("Identity", [source], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape]))

    def floats(self, values: ArrayLike) -> str:
        """Add a float32 constant and return its name."""
        return self._constant(np.asarray(values, np.float32))

    def ints(self, values: ArrayLike) -> str:
        """Add an int64 constant and return its name."""
        return self._constant(np.asarray(values, np.int64))

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return that output's name."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def slice(self, source: str, axis: int, start: int, stop: int) -> str:
        """Add source[..., start:stop] along `axis`."""
        return self.node("Slice", source, *(self.ints([value]) for value in (start, stop, axis)))

    def model(self, name: str) -> onnx.ModelProto:
        """Return the finished and checked model."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model

    def _constant(self, array: np.ndarray[Any, Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name
