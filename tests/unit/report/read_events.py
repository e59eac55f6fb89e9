#!/usr/bin/env python3
"""Prints the scalars that TensorBoard finds in a folder of event files: {name: [[step, value], ...]}.

Exit code 77 when the tensorboard package is not installed.
"""

import json
import sys

try:
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.util import tb_logging, tensor_util
except ImportError:
    sys.exit(77)

tb_logging.get_logger().setLevel("ERROR")  # it reports the restart that the caller wrote on purpose
events = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={event_accumulator.TENSORS: 0})
events.Reload()
scalars = {}
for tag in events.Tags()["tensors"]:
    scalars[tag] = [[e.step, float(tensor_util.make_ndarray(e.tensor_proto))] for e in events.Tensors(tag)]
for tag in events.Tags()["scalars"]:
    scalars[tag] = [[e.step, e.value] for e in events.Scalars(tag)]
json.dump(scalars, sys.stdout)
