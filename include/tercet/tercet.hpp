// Everything: tensors with autograd, models that load real checkpoints, tokenizers, generation.
//
// A program that needs less includes less: tercet/tensor/tensor.hpp, tercet/text/load_tokenizer.hpp, … each compiles alone.
// (tensor/eigen.hpp, which needs Eigen, is not among these.)
#pragma once

#include "tercet/autograd/gradcheck.hpp"
#include "tercet/core/log.hpp"
#include "tercet/generate/load.hpp"
#include "tercet/ops/loss.hpp"
#include "tercet/ops/softmax.hpp"
