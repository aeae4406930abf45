// Autoencoders that `vinci deep` trained, as models of the codec: no libtorch is needed, and the
// networks give the same bits everywhere (strict_network.h).
//
// Latent variables are bins of a normal grid for each dimension: of N(0, 1) for the uppermost
// layer, whose prior it is, so that its bins cost the same; of a normal with the mean and deviation
// that draws of the model have for layers below.
#pragma once

#include <string>
#include <string_view>

#include "coding/table_model.h"
#include "dataset/tensor_file.h"

namespace vinci::coding {

/// Of the kinds `vae`, `iwae` (q a normal with a diagonal or a full covariance, whose variables are
/// coded one given those before it) and `hvae`, with a likelihood that has masses, for images of
/// one channel. Throws Error(kInput), a sentence about `name`, where the file holds something else
/// or its tensors are not as its settings say.
TableModelPtr make_network_model(const dataset::TensorFile& file, const std::string& name);

}  // namespace vinci::coding
