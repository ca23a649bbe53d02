// Matrix products, compiled once for all their users.
//
// A product expression of Eigen costs seconds of compile time wherever it stands; here
// each stands once. They make no temporary, and take blocks of columns.
#pragma once

#include "linflow/types.hpp"

namespace linflow {

// To be called with the scalar named, add_product<Scalar>(…), so that matrices and
// blocks convert.
template <class Scalar> // C += α A B
void add_product(Scalar alpha,
                 const ConstBlock<Scalar>& A,
                 const ConstBlock<Scalar>& B,
                 Block<Scalar> C);
template <class Scalar> // C += α Aᵀ B
void add_product_tn(Scalar alpha,
                    const ConstBlock<Scalar>& A,
                    const ConstBlock<Scalar>& B,
                    Block<Scalar> C);
template <class Scalar> // C += α A Bᵀ
void add_product_nt(Scalar alpha,
                    const ConstBlock<Scalar>& A,
                    const ConstBlock<Scalar>& B,
                    Block<Scalar> C);
template <class Scalar> // A B
Matrix<Scalar> multiply(const ConstBlock<Scalar>& A, const ConstBlock<Scalar>& B);
template <class Scalar> // Aᵀ B
Matrix<Scalar> multiply_tn(const ConstBlock<Scalar>& A, const ConstBlock<Scalar>& B);
template <class Scalar> // A Bᵀ
Matrix<Scalar> multiply_nt(const ConstBlock<Scalar>& A, const ConstBlock<Scalar>& B);
template <class Scalar> // lower triangle of C = A Aᵀ
void gram_nt(const ConstBlock<Scalar>& A, Block<Scalar> C);
template <class Scalar> // lower triangle of C = Aᵀ A
void gram_tn(const ConstBlock<Scalar>& A, Block<Scalar> C);
template <class Scalar> // the upper triangle of C from the lower one
void mirror(Block<Scalar> C);

} // namespace linflow
