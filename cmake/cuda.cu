// The object of tercet::cuda: the CUDA backend for every architecture that is asked for. Who links it compiles with TERCET_CUDA.
#include <tercet/backend/cuda/kernels.inc>
