// The flow of a network, in the form of its state and by the method that cost least.
#pragma once

#include "linflow/flow_run.hpp"

namespace linflow {

// Three ways, of which the first two need two layers of unit rates and scale, the plain
// mean squared error and d_in + d_out hidden units or more, or for differencing
// max(d_in, d_out):
//   splitting  Gram matrices, in long steps about the closed form (splitting.hpp),
//              where the estimate of right-hand sides says that it pays, and no events
//              are to be found within the steps;
//   gram       Gram matrices: by exponential differencing about the modes
//              (exponential.hpp) where these are apart, else integrated (gram.hpp)
//              where positivity is safe;
//   factors    anything else.
// What the first two find out to be unsuitable on the way is run in the next form.
// last_state holds weights; after a run in Gram form those of a triangular factor of P,
// which has d_in + d_out hidden units and is the network up to a rotation of hidden
// space.
template <class Scalar>
void run_network_flow(Cost<Scalar>& cost,
                      const LayerShape& shape,
                      const VectorIn<Scalar>& weights,
                      const FlowOptions& options,
                      Control& control,
                      FlowRecord<Scalar>& record);

} // namespace linflow
