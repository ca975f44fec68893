# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a .tflite file: tensors, constants and operators, without TensorFlow."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

# TensorType of the TFLite schema
_DTYPES: dict[int, type[np.generic]] = {0: np.float32, 1: np.float16, 2: np.int32, 4: np.int64}


@dataclass(frozen=True)
class Tensor:
    """One edge of the network. `value` is set for constants; half-precision weights stay as they are."""

    name: str
    shape: tuple[int, ...]
    value: np.ndarray[Any, Any] | None


@dataclass(frozen=True)
class Operator:
    """One step of the network. `options` are the built-in options object, `custom` those of a custom operator."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: Any
    custom: dict[str, Any]


@dataclass(frozen=True)
class TfliteNetwork:
    """The one subgraph of a model; `inputs` and `outputs` index `tensors`."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(data: bytes, schema_source: bytes) -> TfliteNetwork:
    """Parse a model.

    Args:
        data: the .tflite file.
        schema_source: text of `schema_py_generated.py`, the flatbuffers reader generated from TFLite's schema. It is
            executed, so the caller has checked its hash.
    """
    schema: Any = types.ModuleType("tflite_schema")
    exec(compile(schema_source, "schema_py_generated.py", "exec"), schema.__dict__)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    graph = model.subgraphs[0]
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    return TfliteNetwork(
        tensors=tuple(_tensor(tensor, model.buffers) for tensor in graph.tensors),
        operators=tuple(_operator(operator, model.operatorCodes, kinds) for operator in graph.operators),
        inputs=_indices(graph.inputs),
        outputs=_indices(graph.outputs),
    )


def _indices(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _tensor(tensor: Any, buffers: Any) -> Tensor:
    shape = _indices(tensor.shape)
    data = buffers[tensor.buffer].data
    value = None
    if data is not None and len(data):
        value = np.frombuffer(bytes(data), _DTYPES[tensor.type]).reshape(shape)
    return Tensor(tensor.name.decode(), shape, value)


def _operator(operator: Any, codes: Any, kinds: dict[int, str]) -> Operator:
    code = codes[operator.opcodeIndex]
    kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
    custom: dict[str, Any] = {}
    if kind == "CUSTOM":
        kind = code.customCode.decode()
        if operator.customOptions is not None:
            custom = flexbuffers.Loads(bytes(operator.customOptions))
    return Operator(kind, _indices(operator.inputs), int(operator.outputs[0]), operator.builtinOptions, custom)
