//! C-51 and C-52 between kernels.
