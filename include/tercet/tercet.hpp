// Everything, but for tensor/eigen.hpp, which needs Eigen.
//
// A program that needs less includes less: tercet/tensor/tensor.hpp, tercet/text/load_tokenizer.hpp, … each compiles alone.
#pragma once

#include "tercet/autograd/gradcheck.hpp"
#include "tercet/core/log.hpp"
#include "tercet/data/split.hpp"
#include "tercet/generate/beam.hpp"
#include "tercet/generate/load.hpp"
#include "tercet/metrics/language_model.hpp"
#include "tercet/models/save_gguf.hpp"
#include "tercet/nn/init.hpp"
#include "tercet/nn/lora.hpp"
#include "tercet/ops/index.hpp"
#include "tercet/ops/scan.hpp"
#include "tercet/ops/softmax.hpp"
#include "tercet/ops/sort.hpp"
#include "tercet/tensor/npy.hpp"
#include "tercet/tensor/print.hpp"
#include "tercet/text/bpe_trainer.hpp"
#include "tercet/text/char_level.hpp"
#include "tercet/text/chat.hpp"
#include "tercet/train/checkpoint.hpp"
#include "tercet/train/clip.hpp"
#include "tercet/train/evaluate.hpp"
#include "tercet/train/schedule.hpp"
