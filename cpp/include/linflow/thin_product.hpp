// Products of a matrix with a thin block of vectors.
//
// A product by Eigen packs the large matrix first, which for a block of ten columns
// costs as much as the arithmetic. These read it where it stands.
#pragma once

#include "linflow/products.hpp"

namespace linflow {

// The first `count` columns of out = A V, and of out = Aᵀ U.
void thin_product(const ConstBlock<double>& A,
                  const Matrix<double>& V,
                  Index count,
                  Matrix<double>& out);
void thin_product_tn(const ConstBlock<double>& A,
                     const Matrix<double>& U,
                     Index count,
                     Matrix<double>& out);

} // namespace linflow
