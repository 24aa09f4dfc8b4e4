"""Reads an event file's directory with TensorBoard itself, and compares with what log_test.cpp has written there."""
import struct
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "tensors": 0})
events.Reload()
assert set(events.Tags()["scalars"]) == {"training/loss", "training/learning_rate"}, events.Tags()
loss = events.Scalars("training/loss")
assert [e.step for e in loss] == list(range(1, 401)), [e.step for e in loss]
for e in loss:
    expected = (1 if e.step > 300 else 0) + 1 / e.step
    assert e.value == struct.unpack("f", struct.pack("f", expected))[0], (e.step, e.value, expected)
print(f"TensorBoard read {len(loss)} steps")
