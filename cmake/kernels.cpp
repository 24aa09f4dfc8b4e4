// An object of tercet::compiled: every kernel for every instruction set. Who links it compiles with TERCET_SEPARATE_KERNELS.
#define TERCET_KERNELS_ONLY
#include <tercet/backend/cpu/kernels.inc>
