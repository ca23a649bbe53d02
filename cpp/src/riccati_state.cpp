// States of a RiccatiStart: the two evaluations and the loop over times.
#include "linflow/riccati_start.hpp"

#include "linflow/cholesky.hpp"

#include <stdexcept>

namespace linflow {
namespace {

// First `modes` entries one by one, the last one for the rest.
template <class S> Vector<S> spread(const Vector<S>& values, Index size) {
  const Index m = values.size() - 1;
  Vector<S> out(size);
  out.head(m) = values.head(m);
  out.tail(size - m).setConstant(values[m]);
  return out;
}

} // namespace

template <class S>
void RiccatiStart<S>::residual(RiccatiWorkspace<S>& ws,
                               const RiccatiRequest& request,
                               RiccatiState<S>& out) const {
  const Index d1 = flow_->d_in();
  const Index d2 = flow_->d_out();
  const S half = flow_->lam() / 2;
  const Vector<S> N1 = spread(ws.rates.N, d1);
  const Vector<S> N2 = spread(ws.rates.N, d2);
  const Vector<S> h1 = spread(ws.rates.h, d1);
  const Vector<S> h2 = spread(ws.rates.h, d2);
  ws.k22 = c2_;
  ws.k22.diagonal() += N2;
  ws.k22.diagonal().array() -= half;
  const Cholesky<S> k22(ws.k22);
  ws.half = g_;
  solve_left<S>(ws.k22, ws.half);
  ws.schur = c1_;
  ws.schur.diagonal() += N1;
  ws.schur.diagonal().array() += half;
  ws.left.resize(d1, d1);
  gram_tn<S>(ws.half, ws.left);
  ws.schur.template triangularView<Eigen::Lower>() -= ws.left;
  const Cholesky<S> schur(ws.schur);
  if (!k22.positive_definite() || !schur.positive_definite())
    throw std::runtime_error("riccati: a positive definite block was not");
  solve_left_transposed<S>(ws.k22, ws.half);
  solve_right_transposed<S>(ws.schur, ws.half);
  solve_right<S>(ws.schur, ws.half);
  // ws.half = core = K22^{-1} G(0) H^{-1} = -(K^{-1})_21.
  out.product = h2.asDiagonal() * ws.half * h1.asDiagonal();
  // P = F + R tanh + sech (P0 - F) K^{-1} h, diagonal blocks; no 1/t left in it.
  if (request.input_gram) {
    const Vector<S> sech = spread(ws.rates.sech, d1);
    ws.left = c1_;
    ws.left.diagonal().array() += half;
    solve_right_transposed<S>(ws.schur, ws.left);
    solve_right<S>(ws.schur, ws.left);
    add_product_tn<S>(S(-1), g_, ws.half, ws.left);
    out.input_gram = sech.asDiagonal() * ws.left * h1.asDiagonal();
    out.input_gram.diagonal().array() += spread(ws.rates.rtanh, d1).array() - half;
    ws.left = out.input_gram.transpose();
    out.input_gram = (out.input_gram + ws.left) / 2;
  }
  if (request.output_gram) {
    const Vector<S> sech = spread(ws.rates.sech, d2);
    // (K^{-1})_22 = (I + core G0^T) K22^{-1}
    ws.right.setIdentity(d2, d2);
    add_product_nt<S>(S(1), ws.half, g_, ws.right);
    solve_right_transposed<S>(ws.k22, ws.right);
    solve_right<S>(ws.k22, ws.right);
    ws.left = c2_;
    ws.left.diagonal().array() -= half;
    out.output_gram.setZero(d2, d2);
    add_product<S>(S(1), ws.left, ws.right, out.output_gram);
    add_product_nt<S>(S(-1), g_, ws.half, out.output_gram);
    out.output_gram = sech.asDiagonal() * out.output_gram * h2.asDiagonal();
    out.output_gram.diagonal().array() += spread(ws.rates.rtanh, d2).array() + half;
    ws.left = out.output_gram.transpose();
    out.output_gram = (out.output_gram + ws.left) / 2;
  }
}

template <class S>
const std::vector<Index>& RiccatiStart<S>::graded(RiccatiWorkspace<S>& ws,
                                                  const RiccatiRequest& request,
                                                  RiccatiState<S>& out) const {
  const std::vector<Index>& first = eliminate(factor(), ws.rates.log_weight, ws.graded);
  ws.graded.W.array().colwise() *= ws.rates.decay.array();
  flow_->from_eigen(ws.graded.W, ws.x, ws.y);
  flow_->source_blocks(ws.rates.source, ws.diagonal_in, ws.diagonal_out, ws.cross);
  out.product.setZero(flow_->d_out(), flow_->d_in());
  add_product_nt<S>(S(1), ws.y, ws.x, out.product);
  out.product.diagonal().head(flow_->modes()) += ws.cross;
  const auto gram = [](const Matrix<S>& x, Matrix<S>& P) {
    P.resize(x.rows(), x.rows());
    gram_nt<S>(x, P);
    mirror<S>(P);
  };
  if (request.input_gram) {
    gram(ws.x, out.input_gram);
    out.input_gram.diagonal() += ws.diagonal_in;
  }
  if (request.output_gram) {
    gram(ws.y, out.output_gram);
    out.output_gram.diagonal() += ws.diagonal_out;
  }
  return first;
}

template <class S>
void RiccatiStart<S>::finish(const RiccatiRequest& request,
                             RiccatiWorkspace<S>& ws,
                             RiccatiState<S>& out) const {
  if (request.singular_basis)
    return;
  const auto rotate = [&](const Matrix<S>& left, Matrix<S>& a, const Matrix<S>& right) {
    ws.left.setZero(a.rows(), a.cols());
    add_product<S>(S(1), left, a, ws.left);
    a.setZero();
    add_product_nt<S>(S(1), ws.left, right, a);
  };
  if (request.product)
    rotate(flow_->U(), out.product, flow_->V());
  if (request.input_gram)
    rotate(flow_->V(), out.input_gram, flow_->V());
  if (request.output_gram)
    rotate(flow_->U(), out.output_gram, flow_->U());
}

template <class S>
void RiccatiStart<S>::state(S time,
                            const RiccatiRequest& request,
                            RiccatiWorkspace<S>& ws,
                            RiccatiState<S>& out) const {
  if (!(time >= 0))
    throw std::invalid_argument("times must be >= 0");
  if (standing(time)) {
    out.residual_form = false;
    out.product = a_;
    out.input_gram = c1_;
    out.output_gram = c2_;
  } else {
    flow_->rates(time, ws.rates);
    out.residual_form = uses_residual_form(ws.rates);
    if (out.residual_form) {
      residual(ws, request, out);
      out.product.diagonal().head(flow_->modes()) += flow_->sigma();
    } else {
      graded(ws, request, out);
    }
  }
  finish(request, ws, out);
}

template <class S>
bool riccati_states(const RiccatiStart<S>& start,
                    const Vector<S>& times,
                    const RiccatiRequest& request,
                    std::vector<RiccatiState<S>>& out,
                    int n_threads,
                    const Progress& progress) {
  out.resize(static_cast<std::size_t>(times.size()));
  return parallel_for(times.size(), n_threads, progress, [&]() -> Job {
    auto workspace = std::make_shared<RiccatiWorkspace<S>>();
    return [&, workspace](Index k, Control& /*control*/) {
      start.state(times[k], request, *workspace, out[static_cast<std::size_t>(k)]);
      return true;
    };
  });
}

#define LINFLOW_INSTANTIATE(S)                                                         \
  template void RiccatiStart<S>::residual(                                             \
      RiccatiWorkspace<S>&, const RiccatiRequest&, RiccatiState<S>&) const;            \
  template const std::vector<Index>& RiccatiStart<S>::graded(                          \
      RiccatiWorkspace<S>&, const RiccatiRequest&, RiccatiState<S>&) const;            \
  template void RiccatiStart<S>::state(                                                \
      S, const RiccatiRequest&, RiccatiWorkspace<S>&, RiccatiState<S>&) const;         \
  template bool riccati_states<S>(const RiccatiStart<S>&,                              \
                                  const Vector<S>&,                                    \
                                  const RiccatiRequest&,                               \
                                  std::vector<RiccatiState<S>>&,                       \
                                  int,                                                 \
                                  const Progress&);
LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
