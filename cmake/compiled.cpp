// The one object of tercet::compiled: every kernel for every instruction set, and the JSON parser. Who links it compiles with
// TERCET_SEPARATE_KERNELS.
#include <tercet/backend/cpu/kernels.inc>
