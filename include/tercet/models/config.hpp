// Configurations read from files: a Hugging Face config.json, or a GGUF file's metadata, into the structs that the models are built from.
#pragma once

#include "tercet/models/decoder_config.hpp"
#include "tercet/models/encoder_config.hpp"
#include "tercet/models/seq2seq_config.hpp"
