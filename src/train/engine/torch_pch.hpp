#pragma once
// Precompiled for this module: torch's umbrella header takes about 20 s to parse.
#include <torch/torch.h>
