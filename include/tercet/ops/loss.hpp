// All losses.
#pragma once

#include "tercet/ops/contrastive.hpp"
#include "tercet/ops/linear_cross_entropy.hpp"
#include "tercet/ops/probability_loss.hpp"
#include "tercet/ops/regression_loss.hpp"
