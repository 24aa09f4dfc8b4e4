// The CUDA backend on the emulated GPU: what nvcc compiles elsewhere.
#include "tercet/backend/cuda/kernels.inc"
