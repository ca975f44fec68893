# SPDX-License-Identifier: GPL-3.0-or-later
"""TFLite -> ONNX, for the operators of MediaPipe's face nets.

Feature maps (4-D tensors) are NHWC in TFLite and NCHW here; every other tensor keeps its layout. Padding is written
out: OpenCV 5's network engine is silently wrong on `auto_pad`, and explicit pads cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import attention
from .onnx_graph import OnnxGraph
from .tflite import Operator, TfliteNetwork

_SAME = 0  # Padding of the TFLite schema
_TO_NCHW, _TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


class Converter:
    """Writes the operators of one network into an ONNX graph."""

    def __init__(self, network: TfliteNetwork, graph: OnnxGraph) -> None:
        self._network = network
        self._graph = graph
        self._constants = {i: t.value for i, t in enumerate(network.tensors) if t.value is not None}
        self._names: dict[int, str] = {}
        self._channels_first: set[int] = set()
        self._writers: dict[str, Callable[[Operator], None]] = {
            "ADD": self._arithmetic,
            "CONCATENATION": self._concatenation,
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._convolution,
            "DEQUANTIZE": self._dequantize,
            "Landmarks2TransformMatrix": self._landmarks_to_transform,
            "MAX_POOL_2D": self._max_pool,
            "MUL": self._arithmetic,
            "PAD": self._pad,
            "PRELU": self._prelu,
            "RELU": self._relu,
            "RESHAPE": self._reshape,
            "STRIDED_SLICE": self._strided_slice,
            "TransformLandmarks": self._transform_landmarks,
            "TransformTensorBilinear": self._transform_tensor,
        }

    def convert(self, image: str) -> dict[str, str]:
        """Write the whole network.

        Args:
            image: name of the (N, H, W, 3) float input, scaled as the network expects it.

        Returns:
            The ONNX name of every TFLite output, by its TFLite name.
        """
        self._names[self._network.inputs[0]] = image
        for operator in self._network.operators:
            if operator.kind not in self._writers:
                raise NotImplementedError(f"TFLite operator {operator.kind}")
            self._writers[operator.kind](operator)
        return {self._network.tensors[i].name: self._plain(i) for i in self._network.outputs}

    # Reading and writing edges

    def _shape(self, index: int) -> tuple[int, ...]:
        return self._network.tensors[index].shape

    def _value(self, index: int) -> np.ndarray[Any, Any]:
        value = self._constants[index]
        return value.astype(np.float32) if value.dtype == np.float16 else value

    def _plain(self, index: int) -> str:
        """Name of a tensor in TFLite's layout."""
        if index in self._constants:
            return self._graph.floats(self._value(index))
        name = self._names[index]
        return self._graph.node("Transpose", name, perm=_TO_NHWC) if index in self._channels_first else name

    def _map(self, index: int) -> str:
        """Name of a feature map in NCHW."""
        if index in self._constants:
            return self._graph.floats(self._value(index).transpose(_TO_NCHW))
        name = self._names[index]
        return name if index in self._channels_first else self._graph.node("Transpose", name, perm=_TO_NCHW)

    def _put(self, index: int, name: str, *, channels_first: bool, options: Any = None) -> None:
        activation = getattr(options, "fusedActivationFunction", 0)
        if activation == 1:
            name = self._graph.node("Relu", name)
        elif activation:
            raise NotImplementedError(f"fused activation {activation}")
        self._names[index] = name
        if channels_first:
            self._channels_first.add(index)

    # Operators

    def _dequantize(self, operator: Operator) -> None:
        self._constants[operator.output] = self._value(operator.inputs[0])

    def _convolution(self, operator: Operator) -> None:
        source, weights, bias = operator.inputs
        options, kernel = operator.options, self._value(weights)
        depthwise = operator.kind == "DEPTHWISE_CONV_2D"
        kernel = kernel.transpose([3, 0, 1, 2] if depthwise else _TO_NCHW)
        size = kernel.shape[2:]
        name = self._graph.node(
            "Conv",
            self._map(source),
            self._graph.floats(kernel),
            self._graph.floats(self._value(bias)),
            kernel_shape=size,
            strides=[options.strideH, options.strideW],
            dilations=[options.dilationHFactor, options.dilationWFactor],
            group=self._shape(source)[3] if depthwise else 1,
            pads=self._pads(source, size, options, (options.dilationHFactor, options.dilationWFactor)),
        )
        self._put(operator.output, name, channels_first=True, options=options)

    def _max_pool(self, operator: Operator) -> None:
        (source,), options = operator.inputs, operator.options
        size = (options.filterHeight, options.filterWidth)
        pads = self._pads(source, size, options, (1, 1))
        strides = [options.strideH, options.strideW]
        name = self._graph.node("MaxPool", self._map(source), kernel_shape=size, strides=strides, pads=pads)
        self._put(operator.output, name, channels_first=True, options=options)

    def _pads(self, source: int, kernel: tuple[int, ...], options: Any, dilation: tuple[int, int]) -> list[int]:
        """[top, left, bottom, right]: TensorFlow puts the odd pixel of SAME padding at the end."""
        if options.padding != _SAME:
            return [0, 0, 0, 0]
        strides = (options.strideH, options.strideW)
        totals = [
            max((-(-n // stride) - 1) * stride + (k - 1) * d + 1 - n, 0)
            for n, k, stride, d in zip(self._shape(source)[1:3], kernel, strides, dilation, strict=True)
        ]
        return [total // 2 for total in totals] + [total - total // 2 for total in totals]

    def _prelu(self, operator: Operator) -> None:
        """max(x, 0) + s min(x, 0) as s x + (1 - s) max(x, 0), each factor a convolution of one pixel and one channel.

        ONNX Runtime's own PRelu takes two thirds of the mesh's time on a CPU, and keeps convolutions out of their fast layout.
        """
        source, slope = operator.inputs
        slopes = self._value(slope).reshape(-1, 1, 1, 1)
        line, bent = self._map(source), self._graph.node("Relu", self._map(source))
        parts = [
            self._graph.node("Conv", x, self._graph.floats(factor), group=len(slopes), kernel_shape=[1, 1])
            for x, factor in ((line, slopes), (bent, 1 - slopes))
        ]
        self._put(operator.output, self._graph.node("Add", *parts), channels_first=True)

    def _relu(self, operator: Operator) -> None:
        self._put(operator.output, self._graph.node("Relu", self._map(operator.inputs[0])), channels_first=True)

    def _arithmetic(self, operator: Operator) -> None:
        is_map = len(self._shape(operator.output)) == 4
        inputs = [self._map(i) if is_map else self._plain(i) for i in operator.inputs]
        name = self._graph.node(operator.kind.capitalize(), *inputs)
        self._put(operator.output, name, channels_first=is_map, options=operator.options)

    def _pad(self, operator: Operator) -> None:
        source, amounts = operator.inputs
        before_after = self._value(amounts)[_TO_NCHW].T.ravel()
        name = self._graph.node("Pad", self._map(source), self._graph.ints(before_after))
        self._put(operator.output, name, channels_first=True)

    def _reshape(self, operator: Operator) -> None:
        self._put(operator.output, self._reshaped(self._plain(operator.inputs[0]), operator), channels_first=False)

    def _reshaped(self, name: str, operator: Operator) -> str:
        return self._graph.node("Reshape", name, self._graph.ints([-1, *self._shape(operator.output)[1:]]))

    def _concatenation(self, operator: Operator) -> None:
        name = self._graph.node("Concat", *(self._plain(i) for i in operator.inputs), axis=operator.options.axis)
        self._put(operator.output, name, channels_first=False, options=operator.options)

    def _strided_slice(self, operator: Operator) -> None:
        source, *bounds = operator.inputs
        begin, end, stride = (self._value(i).tolist() for i in bounds)
        begin_mask, end_mask = operator.options.beginMask, operator.options.endMask
        begin = [0 if begin_mask >> axis & 1 else value for axis, value in enumerate(begin)]
        end = [np.iinfo(np.int32).max if end_mask >> axis & 1 else value for axis, value in enumerate(end)]
        axes = range(1, len(begin))  # the batch axis stays whole
        arguments = (self._graph.ints(list(values)) for values in (begin[1:], end[1:], axes, stride[1:]))
        name = self._graph.node("Slice", self._plain(source), *arguments)
        self._put(operator.output, self._reshaped(name, operator), channels_first=False)

    def _landmarks_to_transform(self, operator: Operator) -> None:
        name = attention.landmarks_to_transform(self._graph, self._plain(operator.inputs[0]), operator.custom)
        self._put(operator.output, name, channels_first=False)

    def _transform_tensor(self, operator: Operator) -> None:
        features, transform = operator.inputs
        size = (self._shape(features)[1], self._shape(features)[2])
        name = attention.transform_tensor(
            self._graph, self._map(features), self._plain(transform), size, operator.custom
        )
        self._put(operator.output, name, channels_first=True)

    def _transform_landmarks(self, operator: Operator) -> None:
        landmarks, transform = (self._plain(i) for i in operator.inputs)
        name = attention.transform_landmarks(self._graph, landmarks, transform)
        self._put(operator.output, name, channels_first=False)
