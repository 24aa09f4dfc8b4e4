# tercet::cuda: the headers with TERCET_CUDA, and a library of the CUDA backend and all that tercet::compiled has.
#
# Of a program that links it only cmake/cuda.cu went through nvcc. Without CMAKE_CUDA_ARCHITECTURES it holds code for each generation from Turing to
# Blackwell.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90-real 100-real 120)
endif()
option(TERCET_CUBLAS "Multiply with cuBLASLt, where the toolkit has it, instead of with kernels of our own" ON)
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

add_library(tercet_cuda STATIC cmake/kernels.cpp cmake/compiled.cpp cmake/cuda.cu)
add_library(tercet::cuda ALIAS tercet_cuda)
set_target_properties(tercet_cuda PROPERTIES EXPORT_NAME cuda POSITION_INDEPENDENT_CODE ON)
target_link_libraries(tercet_cuda PUBLIC tercet)
target_compile_definitions(tercet_cuda PUBLIC TERCET_CUDA TERCET_SEPARATE_KERNELS)
# Functions that are constexpr for the host are called on the device too; -t 0: as many architectures at a time as there are cores.
target_compile_options(tercet_cuda PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O2> "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr;-t;0>")

set(tercet_cuda_libraries CUDA::cudart_static)
if(TERCET_CUBLAS AND TARGET CUDA::cublasLt)
    target_compile_definitions(tercet_cuda PRIVATE TERCET_CUBLAS)
    list(APPEND tercet_cuda_libraries CUDA::cublasLt)
endif()
target_link_libraries(tercet_cuda PUBLIC "$<BUILD_INTERFACE:${tercet_cuda_libraries}>")
