#include "linflow/lazy.hpp"

#include "linflow/linear_algebra.hpp"
#include "linflow/products.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace linflow {

template <class Scalar>
class Lazy<Scalar>::Evaluator final : public Solution<Scalar>::Evaluator {
public:
  explicit Evaluator(const Lazy& lazy) : lazy_(&lazy) {}

  void coordinates(double time, Matrix<Scalar>& out) override {
    out.resize(lazy_->start_.rows(), lazy_->start_.cols());
    for (Index j = 0; j < out.cols(); ++j) {
      for (Index i = 0; i < out.rows(); ++i) {
        const double rate = static_cast<double>(lazy_->left_c_[i]) +
                            static_cast<double>(lazy_->right_c_[j]);
        const auto [left, learned] = shares(rate, time);
        out(i, j) = static_cast<Scalar>(left) * lazy_->start_(i, j) +
                    static_cast<Scalar>(learned) * lazy_->target_(i, j);
      }
    }
  }

private:
  // What is left of A(0) and what is learned of T, which add up to one, both with
  // digits of their own: A may be far smaller than T.
  struct Shares {
    double left;
    double learned;
  };

  // A direction that the kernel does not see (rate 0) stays for ever, also at t = ∞.
  [[nodiscard]] Shares shares(double rate, double time) const {
    if (rate == 0.0 || time == 0.0) {
      return {1.0, 0.0};
    }
    double exponent = -rate * time;
    if (lazy_->step_size_ != 0.0) {
      const double factor = 1.0 - lazy_->step_size_ * rate; // of a step
      const double steps = std::round(time / lazy_->step_size_);
      if (factor < 0.5) {
        const double left = std::pow(factor, steps);
        return {left, 1.0 - left};
      }
      exponent = steps * std::log1p(-lazy_->step_size_ * rate);
    }
    if (exponent < -0.5) {
      return {std::exp(exponent), 1.0 - std::exp(exponent)};
    }
    const double learned = -std::expm1(exponent);
    return {1.0 - learned, learned};
  }

  const Lazy* lazy_;
};

template <class Scalar>
Lazy<Scalar>::Lazy(const Objective<Scalar>& objective,
                   const Matrix<Scalar>& X,
                   const Matrix<Scalar>& Y,
                   double step_size)
    : step_size_(step_size) {
  if (X.cols() != Y.cols() || X.rows() != objective.d_in() ||
      Y.rows() != objective.d_out()) {
    throw std::invalid_argument("lazy: the network does not fit the task");
  }
  const auto decompose = [](const Matrix<Scalar>& factor,
                            Vector<Scalar>& values,
                            Matrix<Scalar>& vectors) {
    const Index n = factor.rows();
    Matrix<Scalar> gram(n, n);
    gram_nt<Scalar>(factor, gram);
    SymmetricEigen<Scalar> solver(n);
    solver.compute(gram);
    vectors = solver.vectors();
    // Rounding makes null directions slightly negative or positive, which at late
    // times would count: below n ε of the largest they are null.
    const Scalar largest = std::max(solver.values()[n - 1], Scalar(0));
    const Scalar floor =
        static_cast<Scalar>(n) * Eigen::NumTraits<Scalar>::epsilon() * largest;
    values = (solver.values().array() > floor).select(solver.values(), Scalar(0));
  };
  decompose(X, right_c_, right_);
  decompose(Y, left_c_, left_);
  Matrix<Scalar> product = Matrix<Scalar>::Zero(Y.rows(), X.rows());
  add_product_nt<Scalar>(Scalar(1), Y, X, product);
  // The frames are all that this needs of the solution under construction.
  const Objective<Scalar> turned =
      this->coordinates(Objective<Scalar>(objective.target(), std::move(product)));
  target_ = turned.target();
  start_ = turned.noise();
}

template <class Scalar>
std::unique_ptr<typename Solution<Scalar>::Evaluator> Lazy<Scalar>::evaluator() const {
  return std::make_unique<Evaluator>(*this);
}

template class Lazy<double>;
template class Lazy<float>;

} // namespace linflow
