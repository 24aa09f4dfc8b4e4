// An object of tercet::compiled: what is slow to compile besides the kernels. Who links it compiles with TERCET_SEPARATE_KERNELS.
#include <tercet/separate.inc>
